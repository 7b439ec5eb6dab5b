"""Structured logs, metrics and sampled traces on Lambda.

The first event installs them. Powertools and the X-Ray SDK are imported on first use, for the cold start.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

from runtime_core.aws.turn_report import TURN_MESSAGE, TurnReport
from runtime_core.runtime.logger import OTHERS
from runtime_core.support.scope import current_scope

# Loggers whose records carry metrics. Metrics are emitted at every LOG_LEVEL; the records themselves follow it.
MEASURED = ("mayfly", "runtime_core.queues.embedding")
EMBED_LAG = "embed_lag_ms"
START_TIME_FIELD = 21  # index in /proc/self/stat; clock ticks since boot


class Observability(logging.Handler):
    """Handler of the root logger that writes logs, metrics and traces.

    Args:
        request_id: Returns the id of the current invocation.
        stream: Output that Lambda collects; standard output by default.
        init_ms: Milliseconds that the environment took to start, emitted with the first turn; None if unknown.
    """

    def __init__(
        self, request_id: Callable[[], str], *, stream: TextIO | None = None, init_ms: float | None = None
    ) -> None:
        super().__init__()
        self._request_id = request_id
        self._stream = stream
        self._init_ms = init_ms
        self._is_cold = True
        self._least = logging.NOTSET
        self._formatter: Any = None

    def install(self, level: str) -> None:
        """Replace the root logger's handlers."""
        root = logging.getLogger()
        root.handlers[:] = [self]
        root.setLevel(level)
        self._least = logging.getLevelNamesMapping()[level]
        for name in OTHERS:
            logging.getLogger(name).setLevel(max(logging.WARNING, self._least))
        for name in MEASURED:
            logging.getLogger(name).setLevel(min(logging.INFO, self._least))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; for a finished turn also metrics and trace."""
        try:
            report = self._report(record) if record.getMessage() == TURN_MESSAGE else None
            if record.levelno >= self._least:
                self._write(self._line(record, report))
            if report is not None:
                self._write(self._metrics(report.metrics()))
                self._is_cold = False
                self._trace(report)
            elif EMBED_LAG in vars(record):
                self._write(self._metrics({"EmbedLagMs": ("Milliseconds", vars(record)[EMBED_LAG])}))
        except Exception:  # noqa: BLE001 - as every logging handler: a failed write must not fail the event
            self.handleError(record)

    def _report(self, record: logging.LogRecord) -> TurnReport:
        agent_id = getattr(record, "agent_id", None)
        scope = current_scope(UUID(str(agent_id))) if agent_id else None
        return TurnReport(
            fields=vars(record),
            calls=tuple(scope.calls) if scope is not None else (),
            ended_at=record.created,
            is_cold=self._is_cold,
            init_ms=self._init_ms if self._is_cold else None,
        )

    def _line(self, record: logging.LogRecord, report: TurnReport | None) -> str:
        if self._formatter is None:
            from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter  # noqa: PLC0415 - when used

            self._formatter = LambdaPowertoolsFormatter(service=_service(), utc=True)
        if report is not None:
            record = logging.makeLogRecord({**report.other_fields(), **report.semantic_fields()})
        if request_id := self._request_id():
            record.__dict__["faas.invocation_id"] = request_id
        return str(self._formatter.format(record))

    @staticmethod
    def _metrics(metrics: Mapping[str, tuple[str, float]]) -> str:
        """Format metrics in CloudWatch's embedded metric format.

        Args:
            metrics: Unit and value by name.
        """
        from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (  # noqa: PLC0415 - when used
            AmazonCloudWatchEMFProvider,
        )

        provider = AmazonCloudWatchEMFProvider(namespace=_namespace(), service=_service())
        for name, (unit, value) in metrics.items():
            provider.add_metric(name=name, unit=unit, value=value)
        return json.dumps(provider.serialize_metric_set(), separators=(",", ":"))

    def _trace(self, report: TurnReport) -> None:
        if is_sampled(os.environ.get("_X_AMZN_TRACE_ID", "")):
            from runtime_core.aws.tracing import write_trace  # noqa: PLC0415 - costs as much as a turn

            write_trace(report)

    def _write(self, line: str) -> None:
        stream = self._stream or sys.stdout
        stream.write(line + "\n")
        stream.flush()


def _namespace() -> str:
    return os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Mayfly")


def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", "mayfly")


def is_sampled(trace_header: str) -> bool:
    """Whether the trace header marks the invocation as sampled (`Root=…;Parent=…;Sampled=1`)."""
    return "Sampled=1" in trace_header.split(";")


def milliseconds_since_start(at_s: float) -> float | None:
    """Compute the process's age at a time of `time.monotonic`.

    Returns:
        Milliseconds, or None on a system without `/proc/self/stat`.
    """
    try:
        started = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    ticks = int(started[START_TIME_FIELD - 2])
    now_since_boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    age_s = now_since_boot_s - ticks / os.sysconf("SC_CLK_TCK")
    return max(0.0, (age_s - (time.monotonic() - at_s)) * 1000)
