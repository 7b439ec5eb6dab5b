"""Where a failed request is logged, once, and becomes a problem."""

from __future__ import annotations

import logging

from runtime_core.errors import MayflyError, SettingsError
from runtime_core.http.problems import Problem, problem_of

log = logging.getLogger(__name__)


def report_problem(error: Exception, *, request_id: str) -> Problem:
    """Log what failed here; what the caller got wrong is no failure.

    With its traceback, but for a wrong setting, which whoever opened the deployment has named.
    """
    problem = problem_of(error)
    if problem.status >= 500:
        fields = {"request_id": request_id, "code": problem.code, "status": problem.status}
        expected = isinstance(error, MayflyError)
        told = None if isinstance(error, SettingsError) else error
        log.log(logging.WARNING if expected else logging.ERROR, "request failed", exc_info=told, extra=fields)
    return problem
