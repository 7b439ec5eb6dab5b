"""Health checks of agents: state, and probes of the database and services."""

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

PROBE_TIMEOUT_S = 2.0  # a slower database is too slow for users as well
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The health of an agent.

    Attributes:
        alive: Whether it is registered and initialized.
        responsive: Whether its database and all services answered the probe.
        memory_usage_bytes: Resident memory of the process, shared by all agents.
        uptime_s: Seconds since initialization; 0 if not initialized.
    """

    alive: bool
    responsive: bool
    memory_usage_bytes: int
    uptime_s: float


def absent_health() -> Health:
    """Return the health of an unregistered or uninitialized agent."""
    return Health(alive=False, responsive=False, memory_usage_bytes=memory_usage_bytes(), uptime_s=0.0)


async def check_health(runtime: AgentRuntime, *, timeout_s: float = PROBE_TIMEOUT_S) -> Health:
    """Probe an agent's database and services concurrently, each under the timeout."""
    uptime_s = runtime.uptime_s
    if uptime_s is None:
        return absent_health()
    probes = {"database": _probe_database(runtime)}
    probes |= {f"service {type(each).__name__}": each.is_healthy() for each in runtime.services}
    answers = await asyncio.gather(*(_run_probe(name, probe, timeout_s) for name, probe in probes.items()))
    return Health(alive=True, responsive=all(answers), memory_usage_bytes=memory_usage_bytes(), uptime_s=uptime_s)


async def _probe_database(runtime: AgentRuntime) -> bool:
    return await runtime.database.ping() > 0


async def _run_probe(name: str, probe: Awaitable[bool], timeout_s: float) -> bool:
    try:
        async with within(timeout_s, name):
            return await probe
    except Exception as error:  # noqa: BLE001 - any error of a probe means that its part is unhealthy
        log.warning("probe failed", extra={"probe": name, "error": f"{type(error).__name__}: {error}"})
        return False


def memory_usage_bytes() -> int:
    """Measure the resident memory of this process; its peak without /proc."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
