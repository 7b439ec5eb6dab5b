"""No memory is lost or embedded twice when the draining process is killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from tests.integration.embedding_storm import AGENT_ID, POISON, storm
from tests.model_server import ScriptedModelServer
from tests.queues import QueueServer, queue_server

pytestmark = pytest.mark.postgres


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueServer]:
    with queue_server() as started:
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        yield started


async def test_after_repeated_kills_each_text_is_embedded_once_and_only_poison_fails(
    postgres: PostgresAdapter, postgres_url: str, queues: QueueServer, model_server: ScriptedModelServer
) -> None:
    left = await storm(postgres, postgres_url, queues, model_server, count=500, poisoned=5, kills=4, limit_s=90)
    assert left.kills > 0
    assert (left.embedded, left.wanted, left.stale) == (495, 0, 0)
    assert (left.left_on_queue, left.dead) == (0, 0)
    found = await postgres.memories.get(AGENT_ID, list(left.failed))
    assert len(left.failed) == 5
    assert {each.content.text.split()[0] for each in found} == {POISON}
    assert all("400" in reason for reason in left.failed.values())
