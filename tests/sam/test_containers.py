"""The archive as it is built, on Lambda's Python in containers: `make sam-test` builds it and runs these."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from runtime_core.adapters.postgres import PostgresAdapter
from runtime_core.adapters.postgres.schema import SCHEMA_VERSION
from runtime_core.domain.embedding_job import EmbeddingJob, content_hash
from runtime_core.ports import MemoryFilter
from tests.databases import PostgresServer
from tests.model_server import ScriptedModelServer
from tests.sam.functions import HOST, Functions
from tests.sam.relay import relayed

ROOT = Path(__file__).parents[2]
ROOM = UUID("5d34f6c3-6b2b-06a1-b24d-1f451cf83159")
MESSAGE: dict[str, Any] = json.loads((ROOT / "events" / "message.json").read_text())

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif("SAM" not in os.environ, reason="needs containers and a build: make sam-test"),
]


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    """The scripted server, where containers reach it."""
    server = ScriptedModelServer(host=HOST, dimension=256).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def postgres_port(postgres_server: PostgresServer) -> Iterator[int]:
    with relayed(HOST, postgres_server.port) as port:
        yield port


@pytest.fixture
def variables(model: ScriptedModelServer) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "sk-test-1234",
        "OPENAI_BASE_URL": model.base_url,
        "EMBEDDING_MODEL": "scripted-embedding",
        "DATABASE_SECRET_ARN": "",
    }


@pytest.fixture
def functions(variables: dict[str, str], tmp_path: Path) -> Functions:
    return Functions(tmp_path, variables)


def reached(url: str, port: int) -> str:
    """A test's database as a container reaches it."""
    return f"postgresql://postgres@{HOST}:{port}/{url.rpartition('/')[2]}"


def test_a_message_is_answered_with_sqlite_in_the_containers_own_folder(functions: Functions) -> None:
    result = functions.invoke("MessageFunction", MESSAGE, DATABASE_URL="sqlite:////tmp/mayfly.db")
    assert result["text"] == f"You said: {MESSAGE['text']}"
    assert result["did_respond"] is True
    assert '"turn finished"' in functions.log
    assert "CloudWatchMetrics" in functions.log
    assert "Logging error" not in functions.log


@pytest.mark.spec("C6")
def test_without_a_key_the_local_provider_answers(tmp_path: Path) -> None:
    functions = Functions(tmp_path, {"DATABASE_URL": "sqlite:////tmp/mayfly.db"})
    result = functions.invoke("MessageFunction", {"text": "Hello, my name is Mira."})
    assert result["did_respond"] is True
    assert result["text"]
    assert "the rule-based plugin 'local' answers" in functions.log


def test_a_message_to_be_answered_later_is_answered_without_a_queue(
    variables: dict[str, str], postgres_url: str, postgres_port: int, tmp_path: Path
) -> None:
    functions = Functions(tmp_path, {**variables, "DATABASE_URL": reached(postgres_url, postgres_port)})
    with functions.api() as url, httpx2.Client(base_url=url, timeout=120) as client:
        accepted = client.post("/v1/messages", json={"text": "Later"}, headers={"prefer": "respond-async"})
        assert accepted.status_code == 202, accepted.text
        run = client.get(accepted.headers["location"]).json()
        assert (run["status"], run["result"]["text"]) == ("completed", "You said: Later")


def test_a_wrong_setting_is_an_answer_that_names_it(functions: Functions) -> None:
    result = functions.invoke("MessageFunction", MESSAGE, DATABASE_URL="")
    assert result["error"]["code"] == "invalid-settings"
    assert "DATABASE_URL" in result["error"]["message"]


async def test_two_containers_continue_one_conversation_on_postgres(
    functions: Functions, postgres_url: str, postgres_port: int, model: ScriptedModelServer
) -> None:
    database = reached(postgres_url, postgres_port)
    for text in ("One", "Two"):
        result = functions.invoke("MessageFunction", {"text": text, "room_id": str(ROOM)}, DATABASE_URL=database)
        assert result["text"] == f"You said: {text}"
    assert [each["content"] for each in model.chats[-1]["messages"][1:]] == ["One", "You said: One", "Two"]
    adapter = PostgresAdapter(postgres_url)
    try:
        assert await adapter.memories.count(UUID(result["agent_id"]), MemoryFilter(room_ids=(ROOM,))) == 4
    finally:
        await adapter.close()


def test_the_http_api_answers_a_client(
    variables: dict[str, str], postgres_url: str, postgres_port: int, tmp_path: Path
) -> None:
    functions = Functions(tmp_path, {**variables, "DATABASE_URL": reached(postgres_url, postgres_port)})
    with functions.api() as url, httpx2.Client(base_url=url, timeout=120) as client:
        message = {"text": "Hello over HTTP", "room_id": str(ROOM)}
        answer = client.post("/v1/messages", json=message, headers={"idempotency-key": str(uuid4())})
        assert answer.status_code == 200, answer.text
        assert answer.json()["text"] == "You said: Hello over HTTP"
        history = client.get(f"/v1/rooms/{ROOM}/messages")
        assert len(history.json()["messages"]) == 2
        assert client.post("/v1/messages", content=b"{").status_code >= 400


def test_the_migration_runs_and_says_what_it_did(
    functions: Functions, unmigrated_postgres_url: str, postgres_port: int
) -> None:
    database = reached(unmigrated_postgres_url, postgres_port)
    first = functions.invoke("MigrateFunction", {}, DATABASE_URL=database)
    second = functions.invoke("MigrateFunction", {}, DATABASE_URL=database)
    assert first["schema_version"] == SCHEMA_VERSION
    assert first["applied"]
    assert second == {"applied": [], "schema_version": SCHEMA_VERSION}


def test_the_inbox_answers_what_it_can_and_gives_the_rest_back(
    functions: Functions, postgres_url: str, postgres_port: int
) -> None:
    records = [
        _record("good", json.dumps({"text": "Queued", "room_id": str(ROOM)}), group=str(ROOM)),
        _record("bad", "{nope", group="other"),
    ]
    database = reached(postgres_url, postgres_port)
    result = functions.invoke("Background/InboxWorker/Function", {"Records": records}, DATABASE_URL=database)
    assert result == {"batchItemFailures": [{"itemIdentifier": "bad"}]}


async def test_an_embedding_queue_is_drained_and_a_bad_record_is_given_back(
    functions: Functions, postgres_url: str, postgres_port: int
) -> None:
    database = reached(postgres_url, postgres_port)
    answered = functions.invoke(
        "MessageFunction", {"text": "Slip is thin", "room_id": str(ROOM)}, DATABASE_URL=database
    )
    agent_id = UUID(answered["agent_id"])
    adapter = PostgresAdapter(postgres_url)
    try:
        (memory, *_) = await adapter.memories.find(agent_id, MemoryFilter(room_ids=(ROOM,)))
        job = EmbeddingJob(agent_id=agent_id, memory_id=memory.id, content_hash=content_hash(memory.content.text))
        records = [_record("good", job.body()), _record("bad", "{nope")]
        result = functions.invoke("Background/EmbedHighWorker/Function", {"Records": records}, DATABASE_URL=database)
        assert result == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
        (embedded,) = await adapter.memories.get(agent_id, [memory.id])
        assert embedded.embedding is not None
        assert len(embedded.embedding) == 256
    finally:
        await adapter.close()


def _record(name: str, body: str, *, group: str = "") -> dict[str, Any]:
    return {
        "messageId": name,
        "receiptHandle": "",
        "body": body,
        "attributes": {"MessageGroupId": group, "ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:mayfly",
        "awsRegion": "eu-central-1",
    }
