"""Provider settings of a runtime, validated."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import field
from typing import Any, Protocol, TypeVar

from runtime_core.adapters.openai.call import is_loopback, read_api_key, read_base_url
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.domain.frozen import dataclass
from runtime_core.errors import SettingsError
from runtime_core.settings import Settings

T = TypeVar("T")

# Default dimensions of the models: https://platform.openai.com/docs/models
_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}


class PluginRuntime(Protocol):
    """The part of a runtime that this plugin needs."""

    @property
    def settings(self) -> Settings: ...

    def get_setting(self, key: str, default: Any = None) -> Any:
        """Return the setting of the character or the environment, or `default`."""

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open a resource once for all runtimes of the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Address, key and transport of the provider."""

    base_url: str
    api_key: str | None = field(repr=False)
    transport: str
    timeout_s: float

    @classmethod
    def read(cls, runtime: PluginRuntime) -> Access:
        """Read the settings; the character's override the deployment's.

        Raises:
            SettingsError: A setting is malformed; names it.
        """
        settings = runtime.settings
        deployed = settings.openai_api_key
        key = runtime.get_setting("OPENAI_API_KEY") or (deployed.get_secret_value() if deployed else None)
        transport = str(runtime.get_setting("OPENAI_TRANSPORT") or settings.openai_transport)
        if transport not in ("wire", "sdk"):
            raise SettingsError(f"OPENAI_TRANSPORT is {transport!r}: set it to wire or sdk", name="OPENAI_TRANSPORT")
        return cls(
            base_url=read_base_url(str(runtime.get_setting("OPENAI_BASE_URL") or settings.openai_base_url)),
            api_key=read_api_key(None if key is None else str(key)),
            transport=transport,
            timeout_s=settings.model_timeout_s,
        )

    @property
    def is_open(self) -> bool:
        """Whether there is a key, or a local server without one."""
        return self.api_key is not None or is_loopback(self.base_url)

    def require_key(self) -> None:
        """Check that there is a key, unless the server needs none.

        Raises:
            SettingsError: OPENAI_API_KEY is missing.
        """
        if not self.is_open:
            raise SettingsError(
                f"OPENAI_API_KEY is not set, and {self.base_url} requires a key: set OPENAI_API_KEY, "
                "or set OPENAI_BASE_URL to a local server",
                name="OPENAI_API_KEY",
            )


def model_name(runtime: PluginRuntime, setting: str) -> str:
    """Read a model name from TEXT_SMALL_MODEL, TEXT_LARGE_MODEL or EMBEDDING_MODEL."""
    return str(runtime.get_setting(setting) or getattr(runtime.settings, setting.lower()))


def embedding_space(runtime: PluginRuntime) -> EmbeddingSpace:
    """Read the embedding space of EMBEDDING_MODEL.

    Raises:
        SettingsError: EMBEDDING_DIMENSION is no positive integer.
    """
    model = model_name(runtime, "EMBEDDING_MODEL")
    return EmbeddingSpace(model=model, dimension=embedding_dimension(runtime) or _DIMENSIONS.get(model))


def embedding_dimension(runtime: PluginRuntime) -> int | None:
    """Read EMBEDDING_DIMENSION; None selects the model's default.

    Raises:
        SettingsError: The value is no positive integer.
    """
    value = runtime.get_setting("EMBEDDING_DIMENSION") or runtime.settings.embedding_dimension
    if value is None:
        return None
    try:
        dimension = int(value)
    except (TypeError, ValueError):
        dimension = 0
    if dimension < 1:
        raise SettingsError(f"EMBEDDING_DIMENSION is {value!r}: set a positive integer", name="EMBEDDING_DIMENSION")
    return dimension
