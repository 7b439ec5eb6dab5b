"""Knowledge: files become passages that an agent finds again. Not on the way of a message."""
