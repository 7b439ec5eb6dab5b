from runtime_core.adapters.sqlite.adapter import SqliteAdapter

__all__ = ["SqliteAdapter"]
