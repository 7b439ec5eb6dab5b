"""Models of the local provider: a rule-based conversation and word vectors, offline."""
