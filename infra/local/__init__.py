"""The whole deployment on this machine: `python -m infra.local`."""
