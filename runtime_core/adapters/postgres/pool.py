"""Connections to Postgres: opened on first use, checked after a pause, bounded by the deadline."""

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

from runtime_core.adapters.postgres.errors import connection_was_lost, nothing_ran, store_errors
from runtime_core.support.database_use import note_database_use
from runtime_core.support.deadline import bounded_s

T = TypeVar("T")
Pooler: TypeAlias = Literal["none", "transaction"]

CALL_LIMIT_S = 30.0  # of one call, connecting included, where no deadline leaves less
CHECK_AFTER_S = 5.0  # a frozen process does not notice that its connections died
CHECK_LIMIT_S = 2.0
CLOSE_LIMIT_S = 5.0
STATEMENTS_KEPT = 100  # by each connection; more than there are
UNACKNOWLEDGED_LIMIT_MS = 10_000  # TCP gives a silent peer up after this, not after 15 minutes


class StoreConnection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """A connection that notices a silent peer, and knows when it was used last and what it has prepared."""

    __slots__ = ("prepared", "used_at_s")

    def __init__(self, protocol: Any, transport: asyncio.Transport, *rest: Any) -> None:
        super().__init__(protocol, transport, *rest)
        self.used_at_s: float | None = None
        self.prepared: set[str] = set()
        _notice_silence(transport.get_extra_info("socket"))

    def itself(self) -> StoreConnection:
        """The connection behind the pool's proxy, which answers nothing any more once the connection is lost."""
        return self


def _notice_silence(connected: socket.socket) -> None:
    if connected.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_LIMIT_MS)


async def _keep_as_it_is(_connection: asyncpg.Connection) -> None:
    """Replace asyncpg's reset, which costs a round trip for each use; nothing here sets session state."""


class Connections:
    """The one source of connections for all stores of an adapter, in the running event loop."""

    def __init__(self, url: str, *, max_connections: int, pooler: Pooler, clock: Callable[[], float]) -> None:
        self._url = url
        self._max_connections = max_connections
        self._prepares = pooler == "none"  # behind a pooler a prepared statement may be gone: each use parses it anew
        self._clock = clock
        self._pool: asyncpg.Pool | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def fetch_json(self, query: str, *values: object, repeatable: bool = False) -> str | None:
        """Run one statement and return its only value, JSON as text; None when it gives no row.

        Args:
            repeatable: Running it twice is the same as once, so a lost connection is answered by one more try.
        """
        return await self.use(lambda each: self.fetch_value(each, query, *values), repeatable=repeatable)

    async def fetch_value(self, connection: StoreConnection, query: str, *values: object) -> str | None:
        """Run one statement on a connection that was lent; counted for the turn, with its preparation."""
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
        """Lend a connection to `work`, within the deadline.

        Raises:
            StoreUnavailable: No connection, a lost one, or no answer in time.
        """
        began = time.perf_counter()
        try:
            with store_errors():
                async with asyncio.timeout(bounded_s(limit_s)):
                    return await self._tried(work, repeatable=repeatable)
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

    async def _tried(self, work: Callable[[StoreConnection], Awaitable[T]], *, repeatable: bool) -> T:
        try:
            return await self._lend(work, check=False)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not (nothing_ran(error) or (repeatable and connection_was_lost(error))):
                raise
        return await self._lend(work, check=True)

    async def _lend(self, work: Callable[[StoreConnection], Awaitable[T]], *, check: bool) -> T:
        async with self._leased(check=check) as connection:
            return await work(connection)

    @asynccontextmanager
    async def _leased(self, *, check: bool) -> AsyncIterator[StoreConnection]:
        pool = await self._opened()
        lease, connection = await self._live(pool, check=check)
        try:
            yield connection
        except BaseException as error:
            # After a cut wait the connection's state is unknown, and finding out would cost time nobody has left.
            if not isinstance(error, asyncpg.PostgresError):
                connection.terminate()
            raise
        finally:
            connection.used_at_s = self._clock()
            await pool.release(lease)

    async def _opened(self) -> asyncpg.Pool:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            await self.close()
        if self._pool is None:
            self._pool = self._created()
            self._loop = loop
            await self._pool  # connects to nothing yet: min_size is 0
        return self._pool

    def _created(self) -> asyncpg.Pool:
        return asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=self._max_connections,
            max_queries=sys.maxsize,
            max_inactive_connection_lifetime=0,
            reset=_keep_as_it_is,
            connection_class=StoreConnection,
            statement_cache_size=STATEMENTS_KEPT if self._prepares else 0,
            max_cached_statement_lifetime=0,  # the default prepares anew every 5 minutes: a round trip more
            server_settings={"application_name": "mayfly", "timezone": "UTC"},
        )

    async def _live(self, pool: asyncpg.Pool, *, check: bool) -> tuple[PoolConnectionProxy, StoreConnection]:
        """Take connections until one is new, was used just now, or answers."""
        while True:
            lease = await pool.acquire()
            connection: StoreConnection = lease.itself()
            live = False
            try:
                live = not self._in_doubt(connection, check=check) or await _answers(connection)
                if live:
                    return lease, connection
            finally:
                if not live:  # also when the wait was cut: a lease that nobody gives back would be lost
                    connection.terminate()
                    await pool.release(lease)

    def _in_doubt(self, connection: StoreConnection, *, check: bool) -> bool:
        if connection.used_at_s is None:
            return False
        return check or self._clock() - connection.used_at_s >= CHECK_AFTER_S


async def _close(pool: asyncpg.Pool) -> None:
    """Let calls under way end, but not forever; their connections are cut then."""
    try:
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await pool.close()
    except (OSError, asyncpg.InterfaceError):
        pool.terminate()


async def _answers(connection: StoreConnection) -> bool:
    await asyncio.sleep(0.001)  # after a thaw, lets the loop read what came in: often the end of the connection
    try:
        async with asyncio.timeout(bounded_s(CHECK_LIMIT_S)):
            note_database_use(round_trips=1)
            await connection.execute("select")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True
