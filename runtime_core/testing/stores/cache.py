# ruff: noqa: S101 - asserts are what a contract is made of
"""Contract of key-value stores."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from runtime_core.errors import InvalidInput, InvalidRecord
from runtime_core.ports import DatabaseAdapter


def long_ago() -> datetime:
    """Return a time that is past on any clock."""
    return datetime(2001, 1, 1, tzinfo=UTC)


def far_ahead() -> datetime:
    """Return a time later than any test."""
    return datetime.now(UTC) + timedelta(days=365)


class KeyValueStoreContract:
    """Values by agent and key, until they expire."""

    async def test_a_key_nobody_set_has_no_value(self, database: DatabaseAdapter) -> None:
        assert await database.cache.get_value(uuid4(), "missing") is None

    @pytest.mark.parametrize(
        "value", [{"deep": [1, 2.5, None, {"ü": "👋"}]}, [], {}, "text", "", 0, False, -1.25, 2**53, "null"], ids=repr
    )
    async def test_a_json_value_comes_back_as_it_was(self, database: DatabaseAdapter, value: Any) -> None:
        agent_id = uuid4()
        await database.cache.set_value(agent_id, "key", value)
        kept = await database.cache.get_value(agent_id, "key")
        assert (kept, type(kept)) == (value, type(value))

    async def test_what_is_not_json_is_refused(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        with pytest.raises((InvalidInput, InvalidRecord)):
            await database.cache.set_value(agent_id, "key", object())
        assert await database.cache.get_value(agent_id, "key") is None

    async def test_setting_again_replaces_value_and_expiry(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        await database.cache.set_value(agent_id, "key", "old", expires_at=long_ago())
        await database.cache.set_value(agent_id, "key", "new")
        assert await database.cache.get_value(agent_id, "key") == "new"

    async def test_an_expired_value_is_gone(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        await database.cache.set_value(agent_id, "key", "old", expires_at=long_ago())
        assert await database.cache.get_value(agent_id, "key") is None
        assert await database.cache.delete_value(agent_id, "key") is False

    async def test_a_value_is_there_until_it_expires(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        await database.cache.set_value(agent_id, "key", "kept", expires_at=far_ahead())
        assert await database.cache.get_value(agent_id, "key") == "kept"

    async def test_deleting_says_whether_it_was_there(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        await database.cache.set_value(agent_id, "key", 1)
        assert await database.cache.delete_value(agent_id, "key") is True
        assert await database.cache.delete_value(agent_id, "key") is False
        assert await database.cache.get_value(agent_id, "key") is None

    async def test_each_agent_has_its_own_keys(self, database: DatabaseAdapter) -> None:
        one, other = uuid4(), uuid4()
        await database.cache.set_value(one, "key", "one")
        await database.cache.set_value(other, "key", "other")
        assert await database.cache.delete_value(other, "key") is True
        assert await database.cache.get_value(one, "key") == "one"

    async def test_any_text_is_a_key(self, database: DatabaseAdapter) -> None:
        agent_id = uuid4()
        for key in ("", "a b/c:d", "ключ 🔑", "'; --", "x" * 1000):
            await database.cache.set_value(agent_id, key, key)
            assert await database.cache.get_value(agent_id, key) == key
