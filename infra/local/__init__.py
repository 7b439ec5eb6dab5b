"""Local deployment of the whole stack: `python -m infra.local`."""
