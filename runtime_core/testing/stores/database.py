# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of database adapters: opening, migrating, closing."""

from __future__ import annotations

import asyncio

import pytest

from runtime_core.domain.run import Outcome
from runtime_core.errors import SchemaOutOfDate
from runtime_core.ports import DatabaseAdapter
from runtime_core.testing.scene import Scene


class DatabaseAdapterContract:
    """Contract of an adapter's lifecycle.

    It needs a fixture `unmigrated` with an adapter of an empty database.
    """

    async def test_ping_tells_the_version_the_schema_is_at(
        self, database: DatabaseAdapter, unmigrated: DatabaseAdapter
    ) -> None:
        assert await unmigrated.ping() == 0
        names = await unmigrated.migrate()
        assert names
        assert await unmigrated.ping() == await database.ping() == database.schema_version > 0

    async def test_migrating_again_applies_nothing(self, unmigrated: DatabaseAdapter) -> None:
        assert await unmigrated.migrate() != []
        assert await unmigrated.migrate() == []

    async def test_of_ten_that_migrate_at_once_each_migration_is_applied_by_one(
        self, unmigrated: DatabaseAdapter
    ) -> None:
        applied = await asyncio.gather(*(unmigrated.migrate() for _ in range(10)))
        names = [name for each in applied for name in each]
        assert names
        assert len(names) == len(set(names))
        assert (await unmigrated.turns.begin(Scene().start())).outcome is Outcome.NEW

    async def test_a_database_that_was_not_migrated_names_the_command(self, unmigrated: DatabaseAdapter) -> None:
        scene = Scene()
        with pytest.raises(SchemaOutOfDate, match="mayfly migrate"):
            await unmigrated.turns.begin(scene.start())
        with pytest.raises(SchemaOutOfDate, match="mayfly migrate"):
            await unmigrated.memories.get(scene.agent_id, [scene.room_id])
        with pytest.raises(SchemaOutOfDate, match="mayfly migrate"):
            await unmigrated.cache.get_value(scene.agent_id, "key")

    async def test_a_closed_adapter_opens_again(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await scene.play(database)
        await database.close()
        await database.close()
        assert len((await database.turns.begin(scene.start("Again"))).messages) == 1

    async def test_a_closed_adapter_works_in_another_event_loop(self, database: DatabaseAdapter) -> None:
        scene = Scene()
        await scene.play(database)
        await database.close()

        async def use() -> int:
            context = await database.turns.begin(scene.start("From another loop"))
            await database.close()
            return len(context.messages)

        def elsewhere() -> int:
            with asyncio.Runner() as runner:
                return runner.run(use())

        assert await asyncio.to_thread(elsewhere) == 1
