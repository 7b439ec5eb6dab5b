"""CloudFormation custom resources: runs a deploy step and reports its outcome.

Without a response CloudFormation waits for an hour.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

from runtime_core.errors import MayflyError, SettingsError

log = logging.getLogger(__name__)

RESOURCE_ID = "mayfly-schema"  # constant across versions: CloudFormation deletes a resource whose id changes
TIMEOUT_S = 5.0
REASON_LIMIT = 1000  # characters; CloudFormation accepts 4 KB for the whole response


def run_deploy_step(event: Mapping[str, Any], step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a deploy step; report the outcome if CloudFormation sent the event.

    A custom resource runs the step for `Create` and `Update`, and skips it for `Delete`.

    Returns:
        The step's result, or `{"error": {"code", "message", "retryable"}}` for a `MayflyError`.
        For a custom resource any other exception is an error, too.

    Raises:
        httpx2.HTTPError: The response was not delivered; Lambda retries the event.
    """
    if not is_custom_resource(event):
        return _run(step)
    result = {} if event["RequestType"] == "Delete" else _run_guarded(step)
    _respond(event, result)
    return result


def is_custom_resource(event: Mapping[str, Any]) -> bool:
    """Whether CloudFormation sent this event and waits for a response."""
    return "ResponseURL" in event and "RequestType" in event


def _run(step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return step()
    except MayflyError as error:
        if not isinstance(error, SettingsError):  # the environment has logged a settings error
            log.error("deploy step failed: %s", error, extra={"error_code": error.code})
        return {"error": error.as_json()}


def _run_guarded(step: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return _run(step)
    except Exception as error:
        log.exception("custom resource failed")
        return {"error": {"code": "internal", "message": type(error).__name__, "retryable": False}}


def _respond(event: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    error = result.get("error")
    response = {
        "Status": "FAILED" if error else "SUCCESS",
        "Reason": str(error["message"])[:REASON_LIMIT] if error else "",
        "PhysicalResourceId": event.get("PhysicalResourceId", RESOURCE_ID),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {} if error else result,
    }
    # The URL is signed for an empty content type.
    sent = httpx2.put(
        event["ResponseURL"], content=json.dumps(response), headers={"content-type": ""}, timeout=TIMEOUT_S
    )
    sent.raise_for_status()
