"""Lambda execution environment: one event loop and one deployment per process.

Import does no I/O; the first event opens the deployment, and later events reuse it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import copy_context
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from runtime_core.deployment.deployment import Deployment
from runtime_core.errors import DeadlineExceeded, MayflyError, SettingsError
from runtime_core.settings import Settings
from runtime_core.support import background
from runtime_core.support.deadline import Deadline, deadline
from runtime_core.wiring import read_settings

if TYPE_CHECKING:
    from runtime_core.aws.observability import Observability

T = TypeVar("T")
log = logging.getLogger(__name__)

# Time reserved in every event to release the claim and return an error before Lambda kills the process.
MARGIN_S = 1.0
MARGIN_SHARE = 0.1  # upper limit of the margin as a share of the event's time: a second is too much of a short event

PRELOADED = ("runtime_core.adapters.postgres", "runtime_core.adapters.openai.wire", "runtime_core.adapters.aws.secrets")


class LambdaContext(Protocol):
    """Part of Lambda's context object that this package reads."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda kills the process."""


class Environment:
    """Runner of events: one shared loop, one context and deadline each."""

    def __init__(self, settings: Callable[[], Settings] | None = None) -> None:
        self._given_settings = settings
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._deployment: Deployment | None = None
        self._observability: Observability | None = None
        self._request_id = ""
        self._lock = threading.Lock()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Event loop of the environment; reading it sets the thread's current loop."""
        return self._runner.get_loop()

    def run(self, use: Callable[[Deployment], Awaitable[T]], context: LambdaContext | None = None) -> T:
        """Run one event with the deployment.

        Background work is awaited, and other tasks that the event left are cancelled.

        Args:
            context: Its remaining time limits every wait of the event; None sets no limit.

        Raises:
            DeadlineExceeded: The event used up its time, or was cancelled.
        """
        return self._run(self._with_deployment(use, context), context)

    def run_direct(
        self, use: Callable[[Deployment], Awaitable[dict[str, Any]]], context: LambdaContext | None = None
    ) -> dict[str, Any]:
        """Run one event whose caller reads the result.

        Returns:
            The result of `use`, or `{"error": {"code", "message", "retryable"}}` for an error that
            a retry cannot fix.

        Raises:
            MayflyError: A retryable error.
        """
        try:
            return self._run(self._with_deployment(use, context), context)
        except MayflyError as error:
            if error.retryable:
                raise
            return {"error": error.as_json()}

    def run_batch(
        self,
        use: Callable[[Deployment], Awaitable[Sequence[str]]],
        record_ids: Sequence[str],
        context: LambdaContext | None = None,
    ) -> dict[str, Any]:
        """Run one batch of a queue.

        Args:
            use: Returns the ids of the failed records.

        Returns:
            `{"batchItemFailures": [{"itemIdentifier": record id}]}`: the records to redeliver. If the
            batch could not run, all of its records.
        """
        try:
            failed = self.run(use, context)
        except MayflyError as error:
            if error.retryable:  # otherwise the cause is logged already, when the deployment failed to open
                log.warning(
                    "batch failed, all records will be redelivered",
                    extra={"records": len(record_ids), "error_code": error.code},
                )
            failed = record_ids
        return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in failed]}

    def serve(self, handle: Callable[[], Awaitable[T]], context: LambdaContext | None = None) -> T:
        """Run one event that opens the deployment on demand (`open_deployment`).

        Otherwise the same as `run`.
        """
        return self._run(_on_demand(handle, context), context)

    def run_with_settings(self, use: Callable[[Settings], Awaitable[T]], context: LambdaContext | None = None) -> T:
        """Run one event that needs the settings but no agents.

        Otherwise the same as `run`.
        """
        return self._run(self._with_settings(use, context), context)

    def _run(self, event: Coroutine[Any, Any, T], context: LambdaContext | None) -> T:
        with self._lock:  # Lambda sends one event at a time; other threads of a local run queue here
            self._request_id = "" if context is None else context.aws_request_id
            try:
                return self._runner.run(event, context=copy_context())
            except asyncio.CancelledError as error:  # a BaseException: uncaught, it would end the process
                raise DeadlineExceeded("the event was cancelled before it was answered: send it again") from error
            finally:
                self._enable_garbage_collection()

    @staticmethod
    def _enable_garbage_collection() -> None:
        """Enable garbage collection, exempting the objects of the start."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    async def _with_deployment(self, use: Callable[[Deployment], Awaitable[T]], context: LambdaContext | None) -> T:
        async with _event(context):
            return await use(await self.open_deployment())

    async def _with_settings(self, use: Callable[[Settings], Awaitable[T]], context: LambdaContext | None) -> T:
        async with _event(context):
            settings = await self._read_settings()
            try:
                return await use(settings)
            except SettingsError as error:
                _log_unusable(error)
                raise

    async def open_deployment(self) -> Deployment:
        """Return the deployment, opening it on first use.

        Raises:
            SettingsError, PluginError, StoreError: It cannot be opened; the next event tries again.
        """
        if self._deployment is None:
            settings = await self._read_settings()
            try:
                self._deployment = await self._stack.enter_async_context(Deployment.open(settings))
            except MayflyError as error:
                _log_unusable(error)
                raise
        return self._deployment

    async def _read_settings(self) -> Settings:
        try:
            if self._given_settings is not None:
                return self._given_settings()
            settings = await read_settings(os.environ)
        except MayflyError as error:
            _log_unusable(error)
            raise
        if settings.in_lambda_runtime and self._observability is None:
            self._observability = _install_observability(settings, lambda: self._request_id)
        return settings

    def before_snapshot(self) -> None:
        """Close what the copies of a snapshot cannot share: connections and secrets.

        Imports the modules of the first message, so that a restored copy has them loaded.
        """
        for name in PRELOADED:
            import_module(name)
        self._deployment = None
        self._runner.run(self._stack.aclose())

    def after_restore(self) -> None:
        """Reseed the random numbers of this copy.

        Its first event reopens connections and secrets.
        """
        random.seed()

    def close(self) -> None:
        """Close the deployment and the loop.

        Only tests and local runs call it: Lambda ends the process instead.
        """
        self._deployment = None
        self._runner.run(self._stack.aclose())
        self._runner.close()


def _install_observability(settings: Settings, request_id: Callable[[], str]) -> Observability:
    from runtime_core.aws.observability import (  # noqa: PLC0415 - on Lambda alone
        Observability,
        milliseconds_since_start,
    )

    observability = Observability(request_id, init_ms=milliseconds_since_start(IMPORTED_AT_S))
    observability.install(settings.log_level)
    return observability


def usable_s(remaining_s: float) -> float:
    """Compute the seconds that an event may use of its remaining time."""
    return remaining_s - min(MARGIN_S, remaining_s * MARGIN_SHARE)


def hard_limit_s(usable: float) -> float:
    """Compute the seconds after which an event is cancelled.

    It adds 80 % of the margin to `usable`, for an event that overran its deadline.
    """
    return usable + 0.8 * min(MARGIN_S, usable * MARGIN_SHARE)


def _log_unusable(error: MayflyError) -> None:
    """Log the cause without a traceback: the message names what to correct."""
    log.error("deployment cannot start: %s", error, extra={"error_code": error.code})


async def _on_demand(handle: Callable[[], Awaitable[T]], context: LambdaContext | None) -> T:
    async with _event(context):
        return await handle()


@asynccontextmanager
async def _event(context: LambdaContext | None) -> AsyncIterator[None]:
    """Bound one event by its remaining time.

    Nothing runs after the event, because Lambda freezes the process. Background work is awaited, within that time;
    other tasks that the event left are cancelled.
    """
    try:
        if context is None:
            async with _background_awaited():
                yield
        else:
            with deadline(Deadline.after(usable_s(context.get_remaining_time_in_millis() / 1000))) as limit:
                async with asyncio.timeout(hard_limit_s(limit.remaining_s())) as scope, _background_awaited():
                    yield
    except TimeoutError as error:
        if context is None or not scope.expired():
            raise
        raise DeadlineExceeded(
            "the event used up the invocation's time: send it again, or raise the timeout"
        ) from error
    finally:
        await _cancel_leftovers()


@asynccontextmanager
async def _background_awaited() -> AsyncIterator[None]:
    try:
        yield
    except Exception:
        await background.finished()
        raise
    await background.finished()


async def _cancel_leftovers() -> None:
    """Cancel the tasks that an event left.

    Frozen with the process, they would continue in the next event.
    """
    leftovers = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in leftovers:
        task.cancel()
    if leftovers:
        log.warning("unfinished tasks cancelled", extra={"tasks": [task.get_name() for task in leftovers]})
        await asyncio.wait(leftovers, timeout=MARGIN_SHARE)


IMPORTED_AT_S = time.monotonic()
environment = Environment()
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    from runtime_core.aws.snapshot import register

    register(before=environment.before_snapshot, after=environment.after_restore)
