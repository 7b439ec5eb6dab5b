from runtime_core.cli.entry import main

__all__ = ["main"]
