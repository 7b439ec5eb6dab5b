"""Logger bound to agent, run, room and message, with secrets masked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

OTHERS = (
    "asyncio",
    "boto3",
    "botocore",
    "httpcore2",
    "httpx2",
    "urllib3",
    "uvicorn",
)  # libraries whose INFO lines matter only at our DEBUG


class RuntimeLogger(logging.LoggerAdapter[logging.Logger]):
    """Logger that adds the current fields to each line and masks secrets.

    Secrets are masked in a line's text, arguments and fields.
    """

    def __init__(self, fields: Callable[[], Mapping[str, str]], redact: Callable[[str], str]) -> None:
        super().__init__(logging.getLogger("mayfly"))
        self._fields = fields
        self._redact = redact

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Write a line; surplus arguments are appended, as in the reference."""
        if not self.isEnabledFor(level):
            return
        text = str(msg)
        try:
            text = text % args if args else text
        except TypeError:
            text = " ".join([text, *(str(each) for each in args)])
        message, options = self.process(self._redact(text), kwargs)
        self.logger.log(level, "%s", message, **{"stacklevel": 2, **options})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = {**self._fields(), **(kwargs.get("extra") or {})}
        masked = {key: self._redact(value) if isinstance(value, str) else value for key, value in extra.items()}
        return msg, {**kwargs, "extra": masked}
