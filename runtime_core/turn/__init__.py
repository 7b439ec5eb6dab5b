"""One message's turn: claimed, answered, stored, evaluated."""
