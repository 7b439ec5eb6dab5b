"""Logging of the command line: one line for each record on stderr, its fields behind the message."""

from __future__ import annotations

import logging

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """`INFO turn finished duration_ms=12.3`; the traceback, if any, below."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _OWN)
        return f"{record.levelname} {record.message} {fields}".rstrip()


def log_to_stderr(level: str | int, *, debug: bool = False) -> None:
    """Send every logger's records of this level and above to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if debug else level, force=True)
    if not debug:
        for name in ("asyncio", "httpx2", "httpcore2", "uvicorn"):
            logging.getLogger(name).setLevel(logging.WARNING)
