"""Where a failed request is logged, once, and becomes a problem."""

from __future__ import annotations

import logging

from runtime_core.errors import MayflyError
from runtime_core.http.problems import Problem, problem_of

log = logging.getLogger(__name__)


def reported(error: Exception, *, request_id: str) -> Problem:
    """Log what failed here, with its traceback; what the caller got wrong is no failure."""
    problem = problem_of(error)
    if problem.status >= 500:
        fields = {"request_id": request_id, "code": problem.code, "status": problem.status}
        expected = isinstance(error, MayflyError)
        log.log(logging.WARNING if expected else logging.ERROR, "request failed", exc_info=error, extra=fields)
    return problem
