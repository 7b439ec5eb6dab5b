"""`GET /health` (liveness) and `GET /health/ready` (readiness)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.errors import MayflyError
from runtime_core.http.documents import HealthDocument, ReadinessDocument
from runtime_core.http.failures import report_problem
from runtime_core.http.negotiation import JSON, negotiate
from runtime_core.http.responses import json_response
from runtime_core.http.source import DeploymentSource
from runtime_core.version import __version__


async def health(request: Request) -> Response:
    """Report that the process is alive, without opening the deployment."""
    negotiate(request, (JSON,))
    document: HealthDocument = {"status": "ok", "version": __version__}
    return json_response(document)


async def readiness(source: DeploymentSource, request: Request) -> Response:
    """Check the dependencies of a turn.

    Returns:
        Status 200 if every check passes, otherwise 503; both list the checks.
    """
    negotiate(request, (JSON,))
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
    return json_response(document) if ready else _not_ready(document)


def _not_ready(document: ReadinessDocument) -> Response:
    return json_response(document, status=503, headers={"Retry-After": "5"})
