"""Coercion of task workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runtime_core.errors import InvalidInput
from runtime_core.plugin_api import TaskWorker


def coerce_worker(name: str | TaskWorker | Mapping[str, Any], worker: object = None) -> TaskWorker:
    """Return a task worker as is, or build it.

    Args:
        name: A worker, a worker's name, or a dict of its fields.
        worker: With a name: a handler, a worker, or a dict of a worker's other fields.

    Raises:
        InvalidInput: The name is missing, or `execute` is not callable.
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
        raise InvalidInput("expected a name and an async execute(runtime, options, task)", path="task worker")
    return TaskWorker(name=given["name"], execute=given["execute"], validate=given.get("validate"))
