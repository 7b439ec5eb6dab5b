"""The runtime that a request is about: of the agent it names, or the deployment's first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import Request

from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.runtime.runtime import AgentRuntime


@asynccontextmanager
async def runtime_asked_for(source: DeploymentSource, request: Request) -> AsyncIterator[AgentRuntime]:
    """An ephemeral runtime of the agent that the query's `agent` names.

    Raises:
        AgentNotFound: It names one that does not run here.
    """
    deployment = await source()
    runtime = await deployment.runtime(deployment.agent_id(request.query_params.get("agent")))
    try:
        yield runtime
    finally:
        await runtime.stop()
