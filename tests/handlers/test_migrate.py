"""Migration function on Postgres, by hand and from CloudFormation."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

import handlers.migrate
from runtime_core.adapters.postgres.schema import SCHEMA_VERSION
from runtime_core.aws.environment import Environment
from runtime_core.cli.invoke import LocalContext
from runtime_core.settings import Settings


def context() -> LocalContext:
    """Create the context of a new invocation."""
    return LocalContext(function_name="migrate", timeout_s=60)


class CloudFormation:
    """Server that receives custom resource responses, like CloudFormation's bucket."""

    def __init__(self) -> None:
        self.answers: list[dict[str, Any]] = []
        self.content_types: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.answers.append(json.loads(body))
                outer.content_types.append(self.headers["content-type"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def event(self, kind: str = "Create") -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/answer?signature=x",
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/mayfly/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Migration",
            "ResourceProperties": {"Version": "1"},
        }


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    found = CloudFormation()
    found.thread.start()
    yield found
    found.server.shutdown()
    found.thread.join(5)
    found.server.server_close()


def use(monkeypatch: pytest.MonkeyPatch, url: str | None) -> Environment:
    environment = Environment(lambda: Settings(database_url=url, on_lambda=True))
    monkeypatch.setattr(handlers.migrate, "environment", environment)
    return environment


def test_it_applies_the_missing_migrations_once(unmigrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = use(monkeypatch, unmigrated_postgres_url)
    first, second = handlers.migrate.handler({}, context()), handlers.migrate.handler({}, context())
    environment.close()
    assert first["applied"]
    assert first["schema_version"] == SCHEMA_VERSION
    assert second == {"applied": [], "schema_version": SCHEMA_VERSION}


def test_two_invocations_at_once_apply_each_migration_once(unmigrated_postgres_url: str) -> None:
    from runtime_core.deployment.migrate import migrate  # noqa: PLC0415 - what each environment runs

    def invoke(_: int) -> dict[str, Any]:
        environment = Environment(lambda: Settings(database_url=unmigrated_postgres_url, on_lambda=True))
        try:
            return environment.run_with_settings(migrate, context())
        finally:
            environment.close()

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(invoke, range(4)))
    applied = [name for result in results for name in result["applied"]]
    assert len(applied) == len(set(applied)) > 0
    assert {result["schema_version"] for result in results} == {SCHEMA_VERSION}


def test_cloudformation_gets_a_success(
    unmigrated_postgres_url: str, monkeypatch: pytest.MonkeyPatch, cloudformation: CloudFormation
) -> None:
    environment = use(monkeypatch, unmigrated_postgres_url)
    handlers.migrate.handler(cloudformation.event(), context())
    environment.close()
    (answer,) = cloudformation.answers
    assert answer["Status"] == "SUCCESS"
    assert answer["Data"]["schema_version"] == SCHEMA_VERSION
    assert answer["RequestId"] == "request-1"
    assert cloudformation.content_types == [""]  # the URL's signature says so


def test_cloudformation_gets_the_error_of_an_invalid_setting(
    monkeypatch: pytest.MonkeyPatch, cloudformation: CloudFormation
) -> None:
    environment = use(monkeypatch, None)
    handlers.migrate.handler(cloudformation.event(), context())
    environment.close()
    assert cloudformation.answers[0]["Status"] == "FAILED"
    assert "DATABASE_URL" in cloudformation.answers[0]["Reason"]


def test_cloudformation_gets_an_unexpected_error_without_its_message(
    monkeypatch: pytest.MonkeyPatch, cloudformation: CloudFormation
) -> None:
    def broken() -> Settings:
        raise KeyError("hunter2")

    environment = Environment(broken)
    monkeypatch.setattr(handlers.migrate, "environment", environment)
    handlers.migrate.handler(cloudformation.event("Update"), context())
    environment.close()
    assert cloudformation.answers[0]["Status"] == "FAILED"
    assert "hunter2" not in cloudformation.answers[0]["Reason"]


def test_deleting_the_resource_does_not_change_the_database(
    monkeypatch: pytest.MonkeyPatch, cloudformation: CloudFormation
) -> None:
    environment = use(monkeypatch, None)
    handlers.migrate.handler({**cloudformation.event("Delete"), "PhysicalResourceId": "old"}, context())
    environment.close()
    assert cloudformation.answers[0]["Status"] == "SUCCESS"
    assert cloudformation.answers[0]["PhysicalResourceId"] == "old"


def test_an_error_is_a_result_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment(lambda: Settings.from_environment({"LOG_LEVEL": "LOUD"}))
    monkeypatch.setattr(handlers.migrate, "environment", environment)
    result = handlers.migrate.handler({}, context())
    environment.close()
    assert "LOG_LEVEL" in result["error"]["message"]
    assert [("LOG_LEVEL" in record.getMessage(), record.exc_info) for record in caplog.records] == [(True, None)]
