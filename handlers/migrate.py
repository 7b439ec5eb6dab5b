"""Migration function, invoked by hand or by CloudFormation."""

from __future__ import annotations

from typing import Any

from runtime_core.aws.custom_resource import run_deploy_step
from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.deployment.migrate import migrate


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Apply the missing migrations; idempotent and safe in concurrent invocations.

    Returns:
        `{"applied": [names], "schema_version": number}`, or `{"error": {"code", "message", "retryable"}}`.
        CloudFormation also gets the outcome at the event's `ResponseURL`.
    """
    return run_deploy_step(event, lambda: environment.run_with_settings(migrate, context))
