"""Embedding in the background: queueing, draining, sweeping. Import from the modules: a turn needs only a few."""
