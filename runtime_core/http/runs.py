"""`GET /v1/runs/{id}`: status and result of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.run import Run, RunStatus
from runtime_core.http.callers import authenticate, is_participant
from runtime_core.http.documents import run_document
from runtime_core.http.negotiation import JSON, negotiate
from runtime_core.http.parameters import check_query, path_uuid
from runtime_core.http.problems import NotFound
from runtime_core.http.responses import json_response
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment
    from runtime_core.domain.caller import Caller

RETRY_AFTER_S = "1"  # a turn takes about as long as its model calls


async def read_run(source: DeploymentSource, request: Request) -> Response:
    """Read a run of this deployment's agents."""
    check_query(request, ())
    negotiate(request, (JSON,))
    run_id = path_uuid(request, "run_id")
    deployment = await source()
    run = await _find_run(deployment, run_id, authenticate(deployment, request))
    if run is None:
        raise NotFound("No run of this deployment's agents has this id.")
    is_unfinished = run.status in {RunStatus.QUEUED, RunStatus.RUNNING}
    return json_response(run_document(run), headers={"Retry-After": RETRY_AFTER_S} if is_unfinished else None)


async def _find_run(deployment: Deployment, run_id: UUID, caller: Caller | None) -> Run | None:
    """Find a run that the caller may read.

    Returns:
        The run, or None if no agent of this deployment has it or the caller is not in its room.
    """
    run = await deployment.database.turns.get_run(run_id)
    if run is None:
        return await _find_queued_run(deployment, run_id, caller)
    if not deployment.runs(run.agent_id):
        return None
    return run if await is_participant(deployment, run.agent_id, run.room_id, caller) else None


async def _find_queued_run(deployment: Deployment, run_id: UUID, caller: Caller | None) -> Run | None:
    """Find the placeholder run of a caller's message that has not started.

    Returns:
        The placeholder, or None if the caller sent no such message.
    """
    from runtime_core.queues.acceptance import find_receipt  # noqa: PLC0415 - loaded on first use

    receipt = await find_receipt(deployment, run_id)
    if receipt is None or (caller is not None and receipt.entity_id != caller.entity_id):
        return None
    return receipt.run
