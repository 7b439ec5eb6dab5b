"""Logging of the command line: one line per record on stderr."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime_core.runtime.logger import OTHERS

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """Formatter of lines like `INFO turn finished duration_ms=12.3`.

    A traceback follows on the next lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in vars(record).items() if name not in _OWN)
        return f"{record.levelname} {record.message} {fields}".rstrip()


@contextmanager
def defer_errors(logger: str) -> Iterator[Callable[[str], None]]:
    """Defer a logger's errors until the block ends.

    Yields:
        A function that drops the deferred errors containing a text, which the command prints itself.
    """
    deferred: list[logging.LogRecord] = []

    def defer(record: logging.LogRecord) -> bool:
        is_error = record.name == logger and record.levelno >= logging.ERROR and not record.exc_info
        if is_error:
            deferred.append(record)
        return not is_error

    def drop(text: str) -> None:
        deferred[:] = [each for each in deferred if not text or text not in each.getMessage()]

    handlers = logging.getLogger().handlers
    for handler in handlers:
        handler.addFilter(defer)
    try:
        yield drop
    finally:
        for handler in handlers:
            handler.removeFilter(defer)
            for record in deferred:
                handler.handle(record)


def log_to_stderr(level: str | int, *, debug: bool = False) -> None:
    """Log every record of this level and above to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if debug else level, force=True)
    if not debug:
        for name in OTHERS:
            logging.getLogger(name).setLevel(logging.WARNING)
