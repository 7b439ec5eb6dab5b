"""Logging of the command line: one line for each record on stderr, its fields behind the message."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime_core.runtime.logger import OTHERS

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """`INFO turn finished duration_ms=12.3`; the traceback, if any, below."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _OWN)
        return f"{record.levelname} {record.message} {fields}".rstrip()


@contextmanager
def said_once(logger: str) -> Iterator[Callable[[str], None]]:
    """Hold back a logger's errors until it is known what the command says itself; told that, drop what it covers."""
    held: list[logging.LogRecord] = []

    def hold(record: logging.LogRecord) -> bool:
        is_error = record.name == logger and record.levelno >= logging.ERROR and not record.exc_info
        if is_error:
            held.append(record)
        return not is_error

    def told(text: str) -> None:
        held[:] = [each for each in held if not text or text not in each.getMessage()]

    handlers = logging.getLogger().handlers
    for handler in handlers:
        handler.addFilter(hold)
    try:
        yield told
    finally:
        for handler in handlers:
            handler.removeFilter(hold)
            for record in held:
                handler.handle(record)


def log_to_stderr(level: str | int, *, debug: bool = False) -> None:
    """Send every logger's records of this level and above to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if debug else level, force=True)
    if not debug:
        for name in OTHERS:
            logging.getLogger(name).setLevel(logging.WARNING)
