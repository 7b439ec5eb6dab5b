"""The local provider's models: a rule-based conversation and word vectors, offline."""
