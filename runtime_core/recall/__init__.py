"""What a message brings to mind: older turns, facts, passages."""
