"""The execution environment: one event loop and one deployment for as long as the process lives.

Created at import without any I/O; the first event opens the deployment, later ones find it open.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
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

# Time kept back from every event, to free the claim and to answer with an error before Lambda kills the process.
MARGIN_S = 1.0
MARGIN_SHARE = 0.1  # of a short event's time, where a second would be most of it

PRELOADED = ("runtime_core.adapters.postgres", "runtime_core.adapters.openai.wire", "runtime_core.adapters.aws.secrets")


class LambdaContext(Protocol):
    """What this package reads of the context that Lambda passes to a handler."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda kills the process."""


class Environment:
    """Runs every event on the same loop, each in a fresh context and under its own deadline."""

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
        """The one loop; also the current one of this thread once asked for."""
        return self._runner.get_loop()

    def run(self, use: Callable[[Deployment], Awaitable[T]], context: LambdaContext | None = None) -> T:
        """Run one event to its end and leave nothing behind: background work is waited for, the rest is cancelled.

        Args:
            context: Its remaining time bounds every wait of the event; None bounds nothing.

        Raises:
            DeadlineExceeded: The event used up its time, or was cancelled.
        """

        async def used() -> T:
            return await use(await self.opened())

        return self.serve(used, context)

    def run_direct(
        self, use: Callable[[Deployment], Awaitable[dict[str, Any]]], context: LambdaContext | None = None
    ) -> dict[str, Any]:
        """Run one event whose caller reads the result.

        Returns:
            What `use` gives, or `{"error": {"code", "message", "retryable"}}` where the same event again cannot help.

        Raises:
            MayflyError: A failure that may pass (`retryable`).
        """
        try:
            return self.run(use, context)
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
        """Run one event of a queue.

        Args:
            use: Gives the ids of the records that failed.

        Returns:
            What the queue reads: the records to be handed out again; all of them where nothing could be run.
        """
        try:
            failed = self.run(use, context)
        except MayflyError as error:
            if error.retryable:  # else it has been told why nothing can run here
                log.warning("every record comes back", extra={"records": len(record_ids), "error_code": error.code})
            failed = record_ids
        return {"batchItemFailures": [{"itemIdentifier": record_id} for record_id in failed]}

    def serve(self, handle: Callable[[], Awaitable[T]], context: LambdaContext | None = None) -> T:
        """Run one event that opens the deployment itself where it needs it (`await opened()`); else as `run`."""
        return self._run(lambda: _with_background(handle), context)

    def run_with_settings(self, use: Callable[[Settings], Awaitable[T]], context: LambdaContext | None = None) -> T:
        """Run one event that needs no agents, only the settings; else as `run`."""

        async def used() -> T:
            settings = await self._settings()
            try:
                return await use(settings)
            except SettingsError as error:
                _say_unusable(error)
                raise

        return self._run(used, context)

    def _run(self, handle: Callable[[], Awaitable[T]], context: LambdaContext | None) -> T:
        with self._lock:  # a Lambda environment gets one event at a time; a threaded caller waits its turn
            self._request_id = "" if context is None else context.aws_request_id
            try:
                return self._runner.run(self._handled(handle, context), context=copy_context())
            except asyncio.CancelledError as error:  # a BaseException: past this point it would end the process
                raise DeadlineExceeded("the event was cancelled before it was answered") from error
            finally:
                self._settle()

    @staticmethod
    def _settle() -> None:
        """After the first event, collect garbage again; what the start left is there to stay and is not looked at."""
        if not gc.isenabled():
            gc.freeze()
            gc.enable()

    async def _handled(self, handle: Callable[[], Awaitable[T]], context: LambdaContext | None) -> T:
        try:
            if context is None:
                return await handle()
            with deadline(Deadline.after(usable_s(context.get_remaining_time_in_millis() / 1000))) as limit:
                async with asyncio.timeout(hard_limit_s(limit.remaining_s())) as scope:
                    return await handle()
        except TimeoutError as error:
            if context is None or not scope.expired():
                raise
            raise DeadlineExceeded("the time this invocation has left is used up") from error
        finally:
            await _cancel_leftovers()

    async def opened(self) -> Deployment:
        """The deployment; the first event that asks opens it.

        Raises:
            SettingsError, PluginError, StoreError: It cannot be opened; the next event tries again.
        """
        if self._deployment is None:
            settings = await self._settings()
            try:
                self._deployment = await self._stack.enter_async_context(Deployment.open(settings))
            except MayflyError as error:
                _say_unusable(error)
                raise
        return self._deployment

    async def _settings(self) -> Settings:
        try:
            if self._given_settings is not None:
                return self._given_settings()
            settings = await read_settings(os.environ)
        except MayflyError as error:
            _say_unusable(error)
            raise
        if settings.in_lambda_runtime and self._observability is None:
            self._observability = _observed(settings, lambda: self._request_id)
        return settings

    def before_snapshot(self) -> None:
        """Leave nothing in a snapshot that its copies cannot share: connections, and what the secrets held.

        What the first message would import is imported, since a copy starts from here.
        """
        for name in PRELOADED:
            import_module(name)
        self._deployment = None
        self._runner.run(self._stack.aclose())

    def after_restore(self) -> None:
        """Give this copy random numbers of its own; connections and secrets are opened anew by its first event."""
        random.seed()

    def close(self) -> None:
        """Close what the events opened, and the loop; for tests and local runs: Lambda just ends the process."""
        self._deployment = None
        self._runner.run(self._stack.aclose())
        self._runner.close()


def _observed(settings: Settings, request_id: Callable[[], str]) -> Observability:
    from runtime_core.aws.observability import (  # noqa: PLC0415 - on Lambda alone
        Observability,
        milliseconds_since_start,
    )

    observability = Observability(request_id, init_ms=milliseconds_since_start(IMPORTED_AT_S))
    observability.install(settings.log_level)
    return observability


def usable_s(remaining_s: float) -> float:
    """What an event may use of its remaining seconds."""
    return remaining_s - min(MARGIN_S, remaining_s * MARGIN_SHARE)


def hard_limit_s(usable: float) -> float:
    """When an event is ended that did not end by itself: it has used most of what was kept back, too."""
    return usable + 0.8 * min(MARGIN_S, usable * MARGIN_SHARE)


def _say_unusable(error: MayflyError) -> None:
    """One line for whoever set this up; the stack leads nowhere they could mend it."""
    log.error("not usable as it is set up: %s", error, extra={"error_code": error.code})


async def _with_background(handle: Callable[[], Awaitable[T]]) -> T:
    """Run the event and the background work it leaves: a frozen process does none."""
    try:
        answer = await handle()
    except Exception:
        await background.finished()
        raise
    await background.finished()
    return answer


async def _cancel_leftovers() -> None:
    """End the tasks an event left behind: frozen with it, they would go on inside the next one."""
    leftovers = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in leftovers:
        task.cancel()
    if leftovers:
        log.warning("tasks left behind were cancelled", extra={"tasks": [task.get_name() for task in leftovers]})
        await asyncio.wait(leftovers, timeout=MARGIN_SHARE)


IMPORTED_AT_S = time.monotonic()
environment = Environment()
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    from runtime_core.aws.snapshot import register

    register(before=environment.before_snapshot, after=environment.after_restore)
