"""Health of an agent: whether it is up, and whether what it stands on answers when asked."""

from __future__ import annotations

import asyncio
import logging
import resource
import sys
from collections.abc import Awaitable
from pathlib import Path
from typing import TYPE_CHECKING

from runtime_core.domain.frozen import dataclass
from runtime_core.support.deadline import within

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime

log = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 2.0  # a database that takes longer than this answers no user in time either
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How an agent is.

    Attributes:
        alive: It is registered and initialized.
        responsive: Its database and every service answered a probe just now.
        memory_usage_bytes: Resident memory of the process, which its agents share.
        uptime_s: Since it was initialized; 0 when it is not.
    """

    alive: bool
    responsive: bool
    memory_usage_bytes: int
    uptime_s: float


def not_there() -> Health:
    """The health of an agent that is not registered, or not initialized."""
    return Health(alive=False, responsive=False, memory_usage_bytes=memory_usage_bytes(), uptime_s=0.0)


async def health_of(runtime: AgentRuntime, *, timeout_s: float = PROBE_TIMEOUT_S) -> Health:
    """Probe an agent's database and services, all at once, each under the timeout."""
    uptime_s = runtime.uptime_s
    if uptime_s is None:
        return not_there()
    probes = {"database": _database_answers(runtime)}
    probes |= {f"service {type(each).__name__}": each.is_healthy() for each in runtime.services}
    answers = await asyncio.gather(*(_answered(name, probe, timeout_s) for name, probe in probes.items()))
    return Health(alive=True, responsive=all(answers), memory_usage_bytes=memory_usage_bytes(), uptime_s=uptime_s)


async def _database_answers(runtime: AgentRuntime) -> bool:
    return await runtime.database.ping() > 0


async def _answered(name: str, probe: Awaitable[bool], timeout_s: float) -> bool:
    try:
        async with within(timeout_s, name):
            return await probe
    except Exception as error:  # noqa: BLE001 - whatever a probe raises means that its part does not answer
        log.warning("probe failed", extra={"probe": name, "error": f"{type(error).__name__}: {error}"})
        return False


def memory_usage_bytes() -> int:
    """Resident memory of this process; where the system does not say, the most it ever was."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
