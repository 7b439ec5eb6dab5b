"""Answers CloudFormation, which waits for an hour when a custom resource says nothing."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import httpx2

log = logging.getLogger(__name__)

RESOURCE_ID = "mayfly-schema"  # the same for each version: a new one would make CloudFormation delete the old
TIMEOUT_S = 5.0
REASON_LIMIT = 1000  # CloudFormation takes 4 KB for the whole answer


def is_custom_resource(event: Mapping[str, Any]) -> bool:
    """Whether CloudFormation sent this event and waits at its URL."""
    return "ResponseURL" in event and "RequestType" in event


def answered(event: Mapping[str, Any], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work for `Create` and `Update`, nothing for `Delete`, and tell CloudFormation what came of it.

    Args:
        work: Its result's `error`, or whatever it raises, becomes a failure.

    Raises:
        httpx2.HTTPError: The answer could not be delivered; Lambda's retries then deliver the event again.
    """
    result = _result(event, work)
    error = result.get("error")
    answer = {
        "Status": "FAILED" if error else "SUCCESS",
        "Reason": str(error["message"])[:REASON_LIMIT] if error else "",
        "PhysicalResourceId": event.get("PhysicalResourceId", RESOURCE_ID),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {} if error else result,
    }
    # The URL is signed for an empty content type.
    sent = httpx2.put(event["ResponseURL"], content=json.dumps(answer), headers={"content-type": ""}, timeout=TIMEOUT_S)
    sent.raise_for_status()
    return result


def _result(event: Mapping[str, Any], work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if event["RequestType"] == "Delete":
        return {}
    try:
        return work()
    except Exception as error:
        log.exception("custom resource failed")
        return {"error": {"code": "internal", "message": type(error).__name__, "retryable": False}}
