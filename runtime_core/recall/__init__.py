"""Recall: older turns, facts and passages relevant to a message."""
