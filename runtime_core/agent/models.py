"""Model calls with fallback to the next handler, retries and records."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from runtime_core.domain.chat import NO_USAGE, ChatMessage, ChatRole, EmbeddingResponse, ModelCall, TextResponse
from runtime_core.errors import MayflyError, ModelError
from runtime_core.plugin_api import ModelHandler
from runtime_core.support.deadline import current_deadline

log = logging.getLogger(__name__)

_FIRST_BACKOFF_S = 0.5  # as the `openai` package; doubled for each further round
_MAX_BACKOFF_S = 8.0


async def ask(
    handlers: Sequence[ModelHandler],
    call: Callable[[ModelHandler], Awaitable[Any]],
    *,
    max_retries: int,
    record: Callable[[ModelCall], Awaitable[None]],
    repeatable: Callable[[], bool] = lambda: True,
) -> Any:
    """Call the handlers in order until one answers.

    After a retryable failure the next handler is called. When all have failed and the last failure was retryable,
    the round is repeated up to `max_retries` times, after the wait that the provider asked for or an exponential
    backoff with jitter, while the deadline leaves time.

    Args:
        repeatable: Whether another call is allowed after a failure: False once part of an answer was emitted.

    Raises:
        ModelError: The last failure.
    """
    for round_number in range(max_retries + 1):
        for position, handler in enumerate(handlers):
            try:
                return await _call_and_record(handler, call, record)
            except MayflyError as error:
                last = position == len(handlers) - 1
                if not error.retryable or not isinstance(error, ModelError) or not repeatable():
                    raise
                if last and not await _may_retry(error, round_number, max_retries):
                    raise
                log.warning(
                    "model call failed, retrying",
                    extra={"model_type": handler.type, "provider": handler.provider, "error_code": error.code},
                )
    raise AssertionError("unreachable: the last round returns or raises")


async def _may_retry(error: ModelError, round_number: int, max_retries: int) -> bool:
    """Wait before the next round.

    Returns:
        False, without a wait, if no round is left or the deadline leaves no time for it.
    """
    if round_number >= max_retries:
        return False
    backoff_s = min(_MAX_BACKOFF_S, _FIRST_BACKOFF_S * 2**round_number) * random.uniform(0.75, 1.0)  # noqa: S311
    wait_s = error.retry_after_s if error.retry_after_s is not None else backoff_s
    deadline = current_deadline()
    if deadline is not None and wait_s >= deadline.remaining_s():
        return False
    await asyncio.sleep(wait_s)
    return True


async def _call_and_record(
    handler: ModelHandler,
    call: Callable[[ModelHandler], Awaitable[Any]],
    record: Callable[[ModelCall], Awaitable[None]],
) -> Any:
    started = time.perf_counter()
    answer: Any = None
    failure: str | None = None
    try:
        answer = await call(handler)
        return answer
    except MayflyError as error:
        failure = error.code
        raise
    except Exception as error:
        failure = type(error).__name__
        raise ModelError(f"model provider {handler.provider!r} failed: {failure}: {error}") from error
    finally:
        await record(
            ModelCall(
                type=handler.type,
                provider=handler.provider,
                model=answer.model if isinstance(answer, TextResponse | EmbeddingResponse) else "",
                duration_ms=(time.perf_counter() - started) * 1000,
                usage=answer.usage if isinstance(answer, TextResponse | EmbeddingResponse) else NO_USAGE,
                error=failure,
            )
        )


class ChatParams(dict[str, Any]):
    """Params with `messages` that also provide the conversation as one `prompt`."""

    def __missing__(self, key: str) -> Any:
        if key != "prompt":
            raise KeyError(key)
        return _as_text(self["messages"])

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self or key == "prompt" else default


def _as_text(messages: Sequence[ChatMessage]) -> str:
    lines = [each.text if each.role is ChatRole.SYSTEM else f"{each.role.value}: {each.text}" for each in messages]
    return "\n\n".join([*lines, "assistant:"])


class CallParams:
    """Params of one model call, and whether their `on_delta` was called."""

    def __init__(self, params: Any) -> None:
        self.params = params
        self.was_told = False
        if isinstance(params, dict) and params.get("on_delta") is not None:
            self._on_delta = params["on_delta"]
            params["on_delta"] = self._tell

    @classmethod
    def prepare(cls, params: Any, defaults: Mapping[str, Any]) -> CallParams:
        """Put the params over the model type's defaults."""
        if not isinstance(params, Mapping):
            return cls(params)
        merged = {**defaults, **params}
        return cls(ChatParams(merged) if "messages" in merged and "prompt" not in merged else merged)

    async def _tell(self, piece: str) -> None:
        self.was_told = True
        await self._on_delta(piece)
