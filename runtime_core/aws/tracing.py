"""X-Ray trace of a turn; imported only when the invocation is sampled."""

from __future__ import annotations

from aws_xray_sdk.core import xray_recorder  # type: ignore[import-untyped]  # ships no types

from runtime_core.aws.turn_report import TurnReport


def write_trace(report: TurnReport) -> None:
    """Send the turn and its phases as subsegments of the function's segment.

    The SDK reads the segment from `_X_AMZN_TRACE_ID` and the daemon's address from
    `AWS_XRAY_DAEMON_ADDRESS`, which Lambda sets. The trace contains no text of people or models.
    """
    phases = report.phases()
    turn = xray_recorder.begin_subsegment("turn")
    if turn is None:  # the SDK is disabled (AWS_XRAY_SDK_ENABLED)
        return
    turn.start_time = phases[0][1] if phases else report.ended_at
    for key, value in report.semantic_fields().items():
        turn.put_annotation(key.replace(".", "_"), value)
    for name in ("run_id", "outcome"):
        if name in report.fields:
            turn.put_annotation(name, str(report.fields[name]))
    for name, start, end in phases:
        subsegment = xray_recorder.begin_subsegment(name)
        subsegment.start_time = start
        xray_recorder.end_subsegment(end)
    xray_recorder.end_subsegment(report.ended_at)
