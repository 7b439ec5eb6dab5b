"""`GET /v1/runs/{id}`: how far a message's run is, and what it came to."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.http.answers import json_answer
from runtime_core.http.documents import run_document
from runtime_core.http.negotiation import JSON, preferred
from runtime_core.http.parameters import check_query, path_uuid
from runtime_core.http.problems import NotThere
from runtime_core.http.source import DeploymentSource


async def read_run(source: DeploymentSource, request: Request) -> Response:
    """Show a run of an agent of this deployment; another's is not there."""
    check_query(request, ())
    preferred(request, (JSON,))
    run_id = path_uuid(request, "run_id")
    deployment = await source()
    run = await deployment.database.turns.get_run(run_id)
    if run is None or run.agent_id not in {agent.agent_id for agent in deployment.agents}:
        raise NotThere("No run of this deployment's agents has this id.")
    return json_answer(run_document(run))
