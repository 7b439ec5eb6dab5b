"""Task workers in the forms that callers give them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runtime_core.errors import InvalidInput
from runtime_core.plugin_api import TaskWorker


def coerce_worker(name: str | TaskWorker | Mapping[str, Any], worker: object = None) -> TaskWorker:
    """Take a worker as it is, or build it from a name and a handler, or from a dict of its fields.

    Raises:
        InvalidInput: There is nothing to execute.
    """
    if isinstance(name, TaskWorker):
        return name
    given: dict[str, Any] = dict(name) if isinstance(name, Mapping) else {"name": name}
    if isinstance(worker, TaskWorker):
        return replace(worker, name=str(given["name"]))
    if isinstance(worker, Mapping):
        given = {**worker, "name": given["name"]}
    elif worker is not None:
        given["execute"] = worker
    if not callable(given.get("execute")) or not isinstance(given.get("name"), str):
        raise InvalidInput("wants a name and an async execute(runtime, options, task)", path="task worker")
    return TaskWorker(name=given["name"], execute=given["execute"], validate=given.get("validate"))
