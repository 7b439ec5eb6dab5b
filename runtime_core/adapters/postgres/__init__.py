from runtime_core.adapters.postgres.adapter import PostgresAdapter

__all__ = ["PostgresAdapter"]
