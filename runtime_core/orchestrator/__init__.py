"""Many agents together: they come and go, and messages find their way to them."""
