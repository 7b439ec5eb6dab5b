"""Settings: every variable this package reads, validated once, with the name in the error."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from runtime_core.errors import SettingsError

OPENAI_BASE_URL = "https://api.openai.com/v1"


def _networks(value: str) -> str:
    for each in value.split(","):
        if each.strip():
            ip_network(each.strip())  # raises what pydantic tells
    return value


class Settings(BaseModel):
    """The deployment's settings, one field for each variable (upper case in the environment).

    What a field means stands in the README's table, which a test holds against this class.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: Literal["development", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    database_url: str | None = None
    database_pooler: Literal["none", "transaction"] = "none"
    api_port: int = Field(default=3000, ge=0, le=65535)
    agent_id: UUID | None = None
    agents: str = "handlers.agents:AGENTS"
    openai_api_key: SecretStr | None = None
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
    work_queue_url: str | None = None
    embed_queue_url_high: str | None = None
    embed_queue_url_normal: str | None = None
    embed_queue_url_low: str | None = None
    reflection: Literal["auto", "on", "off"] = "auto"
    attachment_limit: int = Field(default=5, ge=0, le=100)
    attachment_limit_bytes: int = Field(default=10 * 1024 * 1024, ge=1)
    attachment_text_limit: int = Field(default=16_000, ge=1)
    attachment_timeout_s: float = Field(default=10.0, gt=0)
    attachment_networks: Annotated[str, AfterValidator(_networks)] = ""
    on_lambda: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            SettingsError: Names the first variable that is malformed, what it holds and what it may hold.
        """
        values: dict[str, Any] = {
            name: environment[name.upper()]
            for name in cls.model_fields
            if name != "on_lambda"
            and environment.get(name.upper(), "").strip()  # blank is unset: templates leave blanks
        }
        if "environment" not in values and environment.get("NODE_ENV"):
            values["environment"] = environment["NODE_ENV"]
        values["on_lambda"] = "AWS_LAMBDA_FUNCTION_NAME" in environment
        if "log_level" in values:
            values["log_level"] = values["log_level"].upper()
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = str(first["loc"][0]).upper()
            shown = "a secret" if "KEY" in name else repr(first["input"])
            message = first["msg"][:1].lower() + first["msg"][1:]
            raise SettingsError(f"{name} is {shown}: {message}", name=name) from error
