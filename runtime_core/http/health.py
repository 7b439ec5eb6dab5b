"""`GET /health` and `GET /health/ready`: whether the process is alive, and whether it could answer a message."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.errors import MayflyError
from runtime_core.http.answers import json_answer
from runtime_core.http.documents import HealthDocument, ReadinessDocument
from runtime_core.http.failures import report_problem
from runtime_core.http.negotiation import JSON, preferred
from runtime_core.http.source import DeploymentSource
from runtime_core.version import __version__


async def health(request: Request) -> Response:
    """Say that the process answers; touches nothing."""
    preferred(request, (JSON,))
    document: HealthDocument = {"status": "ok", "version": __version__}
    return json_answer(document)


async def readiness(source: DeploymentSource, request: Request) -> Response:
    """Check what a message needs: 200 when everything is there, else 503 with what is not."""
    preferred(request, (JSON,))
    try:
        deployment = await source()
    except MayflyError as error:
        problem = report_problem(error, request_id=request.state.request_id)
        return _not_ready({"status": "not ready", "checks": {"deployment": {"ok": False, "detail": problem.detail}}})
    checks = await deployment.readiness()
    ready = all(check.ok for check in checks.values())
    document: ReadinessDocument = {
        "status": "ready" if ready else "not ready",
        "checks": {name: {"ok": check.ok, "detail": check.detail} for name, check in checks.items()},
    }
    return json_answer(document) if ready else _not_ready(document)


def _not_ready(document: ReadinessDocument) -> Response:
    return json_answer(document, status=503, headers={"Retry-After": "5"})
