"""`GET /v1/runs/{id}`: how far a message's run is, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.domain.run import Run, RunStatus
from runtime_core.http.answers import json_answer
from runtime_core.http.callers import caller_of, takes_part
from runtime_core.http.documents import run_document
from runtime_core.http.negotiation import JSON, preferred
from runtime_core.http.parameters import check_query, path_uuid
from runtime_core.http.problems import NotThere
from runtime_core.http.source import DeploymentSource

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment
    from runtime_core.domain.caller import Caller

ASK_AGAIN_S = "1"  # a turn takes about as long as its model calls


async def read_run(source: DeploymentSource, request: Request) -> Response:
    """Show a run of an agent of this deployment; another's is not there."""
    check_query(request, ())
    preferred(request, (JSON,))
    run_id = path_uuid(request, "run_id")
    deployment = await source()
    run = await _readable(deployment, run_id, caller_of(deployment, request))
    if run is None:
        raise NotThere("No run of this deployment's agents has this id.")
    is_under_way = run.status in {RunStatus.QUEUED, RunStatus.RUNNING}
    return json_answer(run_document(run), headers={"Retry-After": ASK_AGAIN_S} if is_under_way else None)


async def _readable(deployment: Deployment, run_id: UUID, caller: Caller | None) -> Run | None:
    """The run, where it is one of this deployment's agents in a room that the caller takes part in."""
    run = await deployment.database.turns.get_run(run_id)
    if run is None:
        return await _waiting(deployment, run_id, caller)
    if not deployment.runs(run.agent_id):
        return None
    return run if await takes_part(deployment, run.agent_id, run.room_id, caller) else None


async def _waiting(deployment: Deployment, run_id: UUID, caller: Caller | None) -> Run | None:
    """What stands for the run of a message that the caller sent and that did not begin yet."""
    from runtime_core.queues.acceptance import find_receipt  # noqa: PLC0415 - loaded only when asked for

    receipt = await find_receipt(deployment, run_id)
    if receipt is None or (caller is not None and receipt.entity_id != caller.entity_id):
        return None
    return receipt.run
