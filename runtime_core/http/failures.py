"""Logging of failed requests."""

from __future__ import annotations

import logging

from runtime_core.errors import MayflyError, SettingsError
from runtime_core.http.problems import Problem, problem_of

log = logging.getLogger(__name__)


def report_problem(error: Exception, *, request_id: str) -> Problem:
    """Convert an error to a problem, and log one with status 5xx.

    The log record has the traceback, except for a settings error, which is logged when the deployment opens.
    """
    problem = problem_of(error)
    if problem.status >= 500:
        fields = {"request_id": request_id, "code": problem.code, "status": problem.status}
        level = logging.WARNING if isinstance(error, MayflyError) else logging.ERROR
        log.log(level, "request failed", exc_info=None if isinstance(error, SettingsError) else error, extra=fields)
    return problem
