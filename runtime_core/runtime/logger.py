"""A logger bound to agent, run, room and message, that never writes a secret."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

OTHERS = ("asyncio", "boto3", "botocore", "httpcore2", "httpx2", "urllib3", "uvicorn")  # their INFO is our DEBUG


class RuntimeLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the fields of the moment to each line, and masks secrets in its text, arguments and fields."""

    def __init__(self, fields: Callable[[], Mapping[str, str]], redacted: Callable[[str], str]) -> None:
        super().__init__(logging.getLogger("mayfly"))
        self._fields = fields
        self._redacted = redacted

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Write a line; further arguments that the message has no place for are appended, as the reference does."""
        if not self.isEnabledFor(level):
            return
        text = str(msg)
        try:
            text = text % args if args else text
        except TypeError:
            text = " ".join([text, *(str(each) for each in args)])
        message, options = self.process(self._redacted(text), kwargs)
        self.logger.log(level, "%s", message, **{"stacklevel": 2, **options})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        extra = {**self._fields(), **(kwargs.get("extra") or {})}
        masked = {key: self._redacted(value) if isinstance(value, str) else value for key, value in extra.items()}
        return msg, {**kwargs, "extra": masked}
