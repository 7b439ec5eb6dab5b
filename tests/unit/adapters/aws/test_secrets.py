"""Secrets by ARN, from a server with the protocol of Secrets Manager."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from runtime_core.adapters.aws.secrets import database_url, model_key
from runtime_core.errors import SettingsError, StoreUnavailable
from runtime_core.wiring import read_settings

DATABASE = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:database-AbCdEf"
MODEL = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:model-AbCdEf"
RDS = {"username": "mayfly", "password": "p@ss/w:rd", "host": "db.example", "port": 5433, "dbname": "agents"}


class SecretsService:
    """Server of `GetSecretValue` for the given `secrets`, and of container credentials."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.status = 200
        self.authorizations: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["SecretId"]
                outer.authorizations.append(self.headers["authorization"])
                if outer.status != 200:
                    self._say(outer.status, {"__type": "com.amazonaws#InternalServiceError"})
                elif asked in outer.secrets:
                    self._say(200, {"ARN": asked, "SecretString": outer.secrets[asked]})
                else:
                    self._say(400, {"__type": "ResourceNotFoundException", "Message": "hunter2"})

            def do_GET(self) -> None:
                assert self.headers["authorization"] == "container-token"
                self._say(200, {"AccessKeyId": "AKIDSNAP", "SecretAccessKey": "snap", "Token": "token"})

            def _say(self, status: int, value: dict[str, Any]) -> None:
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def variables(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "DATABASE_SECRET_ARN": DATABASE,
            "OPENAI_SECRET_ARN": MODEL,
        }


@pytest.fixture
def service() -> Iterator[SecretsService]:
    found = SecretsService()
    found.thread.start()
    yield found
    found.server.shutdown()
    found.thread.join(5)
    found.server.server_close()


async def test_settings_come_out_of_the_secrets_named_by_arn(service: SecretsService) -> None:
    service.secrets = {DATABASE: json.dumps(RDS), MODEL: "sk-from-the-secret\n"}
    settings = await read_settings({**service.variables, "DATABASE_HOST": ""})
    assert settings.database_url == "postgresql://mayfly:p%40ss%2Fw%3Ard@db.example:5433/agents?sslmode=require"
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-from-the-secret"
    assert "AKIDEXAMPLE/" in service.authorizations[0]


async def test_a_variable_that_is_set_wins_and_its_secret_is_not_read(service: SecretsService) -> None:
    settings = await read_settings({**service.variables, "DATABASE_URL": "sqlite://", "OPENAI_API_KEY": "sk-mine"})
    assert settings.database_url == "sqlite://"
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-mine"
    assert service.authorizations == []


async def test_a_wrong_setting_is_found_before_a_secret_is_read(service: SecretsService) -> None:
    with pytest.raises(SettingsError, match="API_PORT"):
        await read_settings({**service.variables, "API_PORT": "many"})
    assert service.authorizations == []


async def test_a_blank_arn_is_none() -> None:
    settings = await read_settings({"DATABASE_SECRET_ARN": " ", "OPENAI_SECRET_ARN": ""})
    assert settings.database_url is None


async def test_a_function_restored_from_a_snapshot_has_its_credentials_from_the_container(
    service: SecretsService,
) -> None:
    service.secrets = {DATABASE: "postgresql://host/name", MODEL: json.dumps({"OPENAI_API_KEY": "sk-json"})}
    variables = {name: value for name, value in service.variables.items() if "KEY" not in name}
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{service.url}/credentials"
    variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "container-token"
    settings = await read_settings(variables)
    assert settings.database_url == "postgresql://host/name"
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-json"
    assert all("AKIDSNAP/" in each for each in service.authorizations)


async def test_a_secret_that_cannot_be_read_names_its_variable(service: SecretsService) -> None:
    service.secrets = {MODEL: "sk-there"}
    with pytest.raises(SettingsError, match=r"DATABASE_SECRET_ARN.*ResourceNotFoundException") as caught:
        await read_settings(service.variables)
    assert "hunter2" not in str(caught.value)


async def test_a_service_in_trouble_may_be_asked_again(service: SecretsService) -> None:
    service.status = 503
    with pytest.raises(StoreUnavailable):
        await read_settings(service.variables)


async def test_nobody_listening_may_be_asked_again(service: SecretsService) -> None:
    variables = {**service.variables, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    with pytest.raises(StoreUnavailable):
        await read_settings(variables)


async def test_a_malformed_arn_names_its_variable_and_not_its_value() -> None:
    with pytest.raises(SettingsError, match="OPENAI_SECRET_ARN") as caught:
        await read_settings({"OPENAI_SECRET_ARN": "sk-put-in-the-wrong-place"})
    assert "sk-put" not in str(caught.value)


async def test_without_credentials_that_is_said() -> None:
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID"):
        await read_settings({"DATABASE_SECRET_ARN": DATABASE})


@pytest.mark.parametrize(
    ("secret", "host", "url"),
    [
        (" postgresql://a:b@host/name\n", "", "postgresql://a:b@host/name"),
        (json.dumps({**RDS, "port": None}), "", "postgresql://mayfly:p%40ss%2Fw%3Ard@db.example:5432/agents?sslmode=require"),
        (json.dumps(RDS), "proxy", "postgresql://mayfly:p%40ss%2Fw%3Ard@proxy:5433/agents?sslmode=require"),
    ],
)  # fmt: skip
def test_a_database_secret_becomes_a_url(secret: str, host: str, url: str) -> None:
    assert database_url(secret, host=host) == url


@pytest.mark.parametrize("secret", ["hunter2", "[1]", '{"username": "hunter2"}', '{"hunter2'])
def test_a_database_secret_of_another_form_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_SECRET_ARN") as caught:
        database_url(secret)
    assert "hunter2" not in str(caught.value)


def test_a_model_secret_without_its_field_is_refused() -> None:
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        model_key('{"key": "sk-1"}')
