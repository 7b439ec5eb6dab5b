"""Settings: validated environment variables of this package."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from runtime_core.errors import SettingsError

OPENAI_BASE_URL = "https://api.openai.com/v1"
_SECRET_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+")


def _networks(value: str) -> str:
    for each in value.split(","):
        if each.strip():
            ip_network(each.strip())  # its ValueError becomes pydantic's message
    return value


def _secret_arn(value: str) -> str:
    if not _SECRET_ARN.fullmatch(value.strip()):
        raise ValueError("expected the ARN of a secret (arn:aws:secretsmanager:region:account:secret:name)")
    return value.strip()


def _http_url(value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc or any(each.isspace() for each in value.strip()):
        raise ValueError("expected a URL that starts with https:// or http://")
    return value.strip()


def _fifo_queue(value: str) -> str:
    if not value.endswith(".fifo"):
        raise ValueError(
            "expected the URL of a FIFO queue (ending in .fifo), which keeps the order of a room's messages"
        )
    return value


_SecretArn: TypeAlias = Annotated[str, AfterValidator(_secret_arn)]
_HttpUrl: TypeAlias = Annotated[str, AfterValidator(_http_url)]


class Settings(BaseModel):
    """Settings of a deployment, one field per variable (in upper case).

    The README's table documents each field; a test compares it with this class.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    database_url: str | None = None
    database_secret_arn: _SecretArn | None = None
    database_host: str | None = None
    database_pooler: Literal["none", "transaction"] = "none"
    api_port: int = Field(default=3000, ge=0, le=65535)
    agent_id: UUID | None = None
    agents: str = "handlers.agents:AGENTS"
    openai_api_key: SecretStr | None = None
    openai_secret_arn: _SecretArn | None = None
    openai_base_url: str = OPENAI_BASE_URL
    openai_transport: Literal["wire", "sdk"] = "wire"
    text_small_model: str = "gpt-5-mini"
    text_large_model: str = "gpt-5"
    embedding_model: str = "text-embedding-3-small"
    embedding_dimension: int | None = Field(default=None, ge=1, le=16_000)
    recall: Literal["off", "text", "hybrid"] | None = None
    recall_timeout_s: float = Field(default=0.5, gt=0)
    recall_tokens: int = Field(default=1_000, ge=1)
    model_timeout_s: float = Field(default=60.0, gt=0)
    model_max_retries: int = Field(default=2, ge=0, le=10)
    providers_timeout_s: float = Field(default=1.0, gt=0)
    max_multi_step_iterations: int = Field(default=6, ge=1, le=100)
    message_limit_bytes: int = Field(default=64 * 1024, ge=1)
    action_protocol: Literal["native", "text"] = "native"
    auth_mode: Literal["none", "gateway"] = "none"
    inbox_queue_url: Annotated[_HttpUrl, AfterValidator(_fifo_queue)] | None = None
    work_queue_url: _HttpUrl | None = None
    embed_queue_url_high: _HttpUrl | None = None
    embed_queue_url_normal: _HttpUrl | None = None
    embed_queue_url_low: _HttpUrl | None = None
    websocket_endpoint: _HttpUrl | None = None
    reflection: Literal["auto", "on", "off"] = "auto"
    attachment_limit: int = Field(default=5, ge=0, le=100)
    attachment_limit_bytes: int = Field(default=10 * 1024 * 1024, ge=1)
    attachment_text_limit: int = Field(default=16_000, ge=1)
    attachment_timeout_s: float = Field(default=10.0, gt=0)
    attachment_networks: Annotated[str, AfterValidator(_networks)] = ""
    on_lambda: bool = False
    on_sam_local: bool = False

    @property
    def in_lambda_runtime(self) -> bool:
        """Whether Lambda's runtime runs this process.

        There, files are temporary, and the log is collected by line.
        """
        return self.on_lambda or self.on_sam_local

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: A variable is malformed. Names the first, its value and the expected values.
        """
        values: dict[str, Any] = {
            name: environment[name.upper()]
            for name in cls.model_fields
            if name not in DERIVED
            and environment.get(name.upper(), "").strip()  # templates leave unset variables empty
        }
        if "environment" not in values and environment.get("NODE_ENV"):
            values["environment"] = environment["NODE_ENV"]
        if "log_level" in values:
            values["log_level"] = values["log_level"].upper()
        values["on_sam_local"] = bool(environment.get("AWS_SAM_LOCAL"))
        values["on_lambda"] = "AWS_LAMBDA_FUNCTION_NAME" in environment and not values["on_sam_local"]
        if values["on_sam_local"]:
            values = _without_logical_names(values)
        try:
            return cls(**values)
        except ValidationError as error:
            raise _settings_error(error) from error


DERIVED = frozenset({"on_lambda", "on_sam_local"})  # set from Lambda's variables, not by users


def _without_logical_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop queue settings without a URL.

    `sam local` sets them to the logical names of the template, since it has no queues.
    """
    return {name: value for name, value in values.items() if "queue_url" not in name or "://" in value}


def _settings_error(error: ValidationError) -> SettingsError:
    """Convert a validation error, hiding a value that may be secret."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]).upper()
    shown = "malformed" if "KEY" in name or "SECRET" in name else repr(first["input"])
    message = first["msg"].removeprefix("Value error, ")
    return SettingsError(f"{name} is {shown}: {message[:1].lower()}{message[1:]}", name=name)
