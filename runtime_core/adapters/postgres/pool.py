"""Postgres connection pool.

It opens on first use, checks idle connections, and obeys the deadline.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from runtime_core.adapters.postgres.errors import has_not_run, is_connection_lost, store_errors
from runtime_core.support.database_use import note_database_use
from runtime_core.support.deadline import bounded_s

T = TypeVar("T")
Pooler: TypeAlias = Literal["none", "transaction"]

CALL_LIMIT_S = 30.0  # of one call including connecting, unless the deadline is earlier
CHECK_AFTER_S = 5.0  # idle time; a frozen process does not notice that its connections died
CHECK_LIMIT_S = 2.0
CLOSE_LIMIT_S = 5.0
STATEMENTS_KEPT = 100  # prepared statements per connection; more than exist
UNACKNOWLEDGED_LIMIT_MS = 10_000  # TCP gives up on a silent peer after this instead of 15 minutes


class StoreConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """Connection that detects a silent peer.

    It tracks its last use and its prepared statements.
    """

    __slots__ = ("prepared", "used_at_s")

    def __init__(self, protocol: Any, transport: asyncio.Transport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.used_at_s: float | None = None
        self.prepared: set[str] = set()
        _set_keepalive(transport.get_extra_info("socket"))

    def itself(self) -> StoreConnection:
        """Return the connection behind the pool's proxy.

        The proxy is unusable once the connection is lost.
        """
        return self


def _set_keepalive(connected: socket.socket) -> None:
    if connected.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_LIMIT_MS)


async def _skip_reset(_connection: asyncpg.Connection) -> None:
    """Replace asyncpg's reset of a connection.

    The reset takes a round trip per use, and no store sets session state.
    """


class Connections:
    """Connection pool for all stores of an adapter.

    The pool belongs to the running event loop.
    """

    def __init__(self, url: str, *, max_connections: int, pooler: Pooler, clock: Callable[[], float]) -> None:
        self._url = url
        self._max_connections = max_connections
        self._prepares = pooler == "none"  # a pooler may lose prepared statements, so each use parses again
        self._clock = clock
        self._pool: asyncpg.Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def fetch_json(self, query: str, *values: object, repeatable: bool = False) -> str | None:
        """Run one statement and fetch its only value.

        Args:
            repeatable: Whether running the statement twice equals once, so that a lost connection is retried once.

        Returns:
            JSON as text; None without a row.
        """
        return await self.use(lambda each: self.fetch_value(each, query, *values), repeatable=repeatable)

    async def fetch_value(self, connection: StoreConnection, query: str, *values: object) -> str | None:
        """Run one statement on a connection.

        Its round trips are counted for the turn.
        """
        note_database_use(round_trips=1 if query in connection.prepared else 2)
        value: str | None = await connection.fetchval(query, *values)
        if self._prepares:
            connection.prepared.add(query)
        return value

    async def use(
        self,
        work: Callable[[StoreConnection], Awaitable[T]],
        *,
        repeatable: bool = False,
        limit_s: float = CALL_LIMIT_S,
    ) -> T:
        """Run `work` on a connection, within the deadline.

        Raises:
            StoreUnavailable: Connecting failed, the connection was lost, or time ran out.
        """
        began = time.perf_counter()
        try:
            with store_errors():
                async with asyncio.timeout(bounded_s(limit_s)):
                    return await self._run_with_retry(work, repeatable=repeatable)
        finally:
            note_database_use(took_ms=(time.perf_counter() - began) * 1000)

    async def close(self) -> None:
        pool, self._pool, loop, self._loop = self._pool, None, self._loop, None
        if pool is None:
            return
        if loop is asyncio.get_running_loop():
            await _close(pool)
        elif loop is not None and not loop.is_closed():
            pool.terminate()

    async def _run_with_retry(self, work: Callable[[StoreConnection], Awaitable[T]], *, repeatable: bool) -> T:
        try:
            return await self._run_once(work, check=False)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not (has_not_run(error) or (repeatable and is_connection_lost(error))):
                raise
        return await self._run_once(work, check=True)

    async def _run_once(self, work: Callable[[StoreConnection], Awaitable[T]], *, check: bool) -> T:
        async with self._lease(check=check) as connection:
            return await work(connection)

    @asynccontextmanager
    async def _lease(self, *, check: bool) -> AsyncIterator[StoreConnection]:
        pool = await self._open_pool()
        lease, connection = await self._acquire_live(pool, check=check)
        try:
            yield connection
        except BaseException as error:
            # After a cancelled wait the state of the connection is unknown, and no time is left to check it.
            if not isinstance(error, asyncpg.PostgresError):
                connection.terminate()
            raise
        finally:
            connection.used_at_s = self._clock()
            await pool.release(lease)

    async def _open_pool(self) -> asyncpg.Pool:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            await self.close()
        if self._pool is None:
            self._pool = self._create_pool()
            self._loop = loop
            await self._pool  # does not connect yet: min_size is 0
        return self._pool

    def _create_pool(self) -> asyncpg.Pool:
        return asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._max_connections,
            max_queries=sys.maxsize,
            max_inactive_connection_lifetime=0,
            reset=_skip_reset,
            connection_class=StoreConnection,
            statement_cache_size=STATEMENTS_KEPT if self._prepares else 0,
            max_cached_statement_lifetime=0,  # the default prepares again every 5 minutes, an extra round trip
            server_settings={"application_name": "mayfly", "timezone": "UTC"},
        )

    async def _acquire_live(self, pool: asyncpg.Pool, *, check: bool) -> tuple[PoolConnectionProxy, StoreConnection]:
        """Acquire connections until one is new, was used recently, or answers."""
        while True:
            lease = await pool.acquire()
            connection: StoreConnection = lease.itself()
            live = False
            try:
                live = not self._needs_check(connection, check=check) or await _is_alive(connection)
                if live:
                    return lease, connection
            finally:
                if not live:  # also after a cancelled wait: an unreleased lease would be lost to the pool
                    connection.terminate()
                    await pool.release(lease)

    def _needs_check(self, connection: StoreConnection, *, check: bool) -> bool:
        if connection.used_at_s is None:
            return False
        return check or self._clock() - connection.used_at_s >= CHECK_AFTER_S


async def _close(pool: asyncpg.Pool) -> None:
    """Wait for running calls up to the limit, then terminate their connections."""
    try:
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await pool.close()
    except (OSError, asyncpg.InterfaceError):
        pool.terminate()


async def _is_alive(connection: StoreConnection) -> bool:
    await asyncio.sleep(0.001)  # after a thaw, lets the loop read pending input: often the end of the connection
    try:
        async with asyncio.timeout(bounded_s(CHECK_LIMIT_S)):
            note_database_use(round_trips=1)
            await connection.execute("select")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True
