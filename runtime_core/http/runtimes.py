"""Runtime of the agent that a request names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import Request

from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime


@asynccontextmanager
async def open_runtime(source: DeploymentSource, request: Request) -> AsyncIterator[AgentRuntime]:
    """Open an ephemeral runtime of the agent in the query's `agent`.

    The default is the deployment's first agent.

    Raises:
        AgentNotFound: The deployment has no such agent.
    """
    deployment = await source()
    runtime = await deployment.runtime(deployment.agent_id(request.query_params.get("agent")))
    try:
        yield runtime
    finally:
        await runtime.stop()
