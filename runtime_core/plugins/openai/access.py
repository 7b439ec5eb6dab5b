"""How a runtime reaches the provider: its settings, read and checked."""

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

# What the provider's own models answer where no dimension is asked for: https://platform.openai.com/docs/models
_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}


class PluginRuntime(Protocol):
    """What this plugin needs of the runtime."""

    @property
    def settings(self) -> Settings: ...

    def get_setting(self, key: str, default: Any = None) -> Any:
        """The character's or the environment's setting, or `default`."""

    async def shared(self, opens: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open something once for every runtime of the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the provider is and what opens it."""

    base_url: str
    api_key: str | None = field(repr=False)
    transport: str
    timeout_s: float

    @classmethod
    def read(cls, runtime: PluginRuntime) -> Access:
        """Read the runtime's settings; the character's come before the deployment's.

        Raises:
            SettingsError: One of them is malformed; names it.
        """
        settings = runtime.settings
        deployed = settings.openai_api_key
        key = runtime.get_setting("OPENAI_API_KEY") or (deployed.get_secret_value() if deployed else None)
        transport = str(runtime.get_setting("OPENAI_TRANSPORT") or settings.openai_transport)
        if transport not in ("wire", "sdk"):
            raise SettingsError(f"OPENAI_TRANSPORT is {transport!r}: it is wire or sdk", name="OPENAI_TRANSPORT")
        return cls(
            base_url=read_base_url(str(runtime.get_setting("OPENAI_BASE_URL") or settings.openai_base_url)),
            api_key=read_api_key(None if key is None else str(key)),
            transport=transport,
            timeout_s=settings.model_timeout_s,
        )

    @property
    def is_open(self) -> bool:
        """Whether calls can be made: there is a key, or a server on this machine, which needs none."""
        return self.api_key is not None or is_loopback(self.base_url)

    def require_key(self) -> None:
        """Make sure that calls can be made.

        Raises:
            SettingsError: Names OPENAI_API_KEY.
        """
        if not self.is_open:
            raise SettingsError(
                f"OPENAI_API_KEY is not set, and {self.base_url} needs a key; set it, "
                "or OPENAI_BASE_URL to a server on this machine",
                name="OPENAI_API_KEY",
            )


def model_name(runtime: PluginRuntime, setting: str) -> str:
    """The name of the model that TEXT_SMALL_MODEL, TEXT_LARGE_MODEL or EMBEDDING_MODEL gives."""
    return str(runtime.get_setting(setting) or getattr(runtime.settings, setting.lower()))


def embedding_space(runtime: PluginRuntime) -> EmbeddingSpace:
    """Where the vectors lie that EMBEDDING_MODEL makes.

    Raises:
        SettingsError: EMBEDDING_DIMENSION is no positive whole number.
    """
    model = model_name(runtime, "EMBEDDING_MODEL")
    return EmbeddingSpace(model=model, dimension=embedding_dimension(runtime) or _DIMENSIONS.get(model))


def embedding_dimension(runtime: PluginRuntime) -> int | None:
    """What EMBEDDING_DIMENSION gives; None takes the model's own.

    Raises:
        SettingsError: It is no positive whole number.
    """
    value = runtime.get_setting("EMBEDDING_DIMENSION") or runtime.settings.embedding_dimension
    if value is None:
        return None
    try:
        dimension = int(value)
    except (TypeError, ValueError):
        dimension = 0
    if dimension < 1:
        raise SettingsError(f"EMBEDDING_DIMENSION is {value!r}: it is a whole number", name="EMBEDDING_DIMENSION")
    return dimension
