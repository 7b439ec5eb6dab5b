"""The service DATABASE: the runtime's open database, for components that find their parts by service type."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from runtime_core.plugin_api import Service, ServiceType
from runtime_core.ports import DatabaseAdapter

if TYPE_CHECKING:
    from runtime_core.plugin_api import Context


class DatabaseService(Service):
    """Lends the runtime's database; never opens or closes it."""

    service_type: ClassVar[str] = ServiceType.DATABASE

    def __init__(self, adapter: DatabaseAdapter) -> None:
        self.adapter = adapter

    @classmethod
    async def start(cls, runtime: Context) -> DatabaseService:
        return cls(runtime.database)

    async def stop(self) -> None:
        """Leave the database to the runtime, which knows whose it is."""

    async def is_healthy(self) -> bool:
        """Whether the database answers, at a schema that is new enough."""
        return await self.adapter.ping() >= self.adapter.schema_version
