"""The service DATABASE: access to the runtime's database by service type."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runtime_core.plugin_api import Service, ServiceType
from runtime_core.ports import DatabaseAdapter

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context


class DatabaseService(Service):
    """Access to the runtime's database; never opens or closes it."""

    service_type: ClassVar[str] = ServiceType.DATABASE

    def __init__(self, adapter: DatabaseAdapter) -> None:
        self.adapter = adapter

    @classmethod
    async def start(cls, runtime: Context) -> DatabaseService:
        return cls(runtime.database)

    async def stop(self) -> None:
        """Do nothing: the runtime closes its database."""

    async def is_healthy(self) -> bool:
        """Check that the database responds with a sufficient schema version."""
        return await self.adapter.ping() >= self.adapter.schema_version
