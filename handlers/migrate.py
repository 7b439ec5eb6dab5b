"""Deploy step: bring the database to the schema of this version; invoked by hand or by CloudFormation."""

from __future__ import annotations

import logging
from typing import Any

from runtime_core.aws.custom_resource import answered, is_custom_resource
from runtime_core.aws.environment import LambdaContext, environment
from runtime_core.deployment.migrate import migrated
from runtime_core.errors import MayflyError, SettingsError

log = logging.getLogger(__name__)


def handler(event: dict[str, Any], context: LambdaContext | None = None) -> dict[str, Any]:
    """Apply what is missing; harmless when nothing is, and when several run at once.

    Returns:
        `{"applied": [names], "schema_version": number}`, or `{"error": {"code", "message", "retryable"}}`.
        The event of a custom resource is answered at its URL too, whatever happens.
    """
    if is_custom_resource(event):
        return answered(event, lambda: _migrate(context))
    return _migrate(context)


def _migrate(context: LambdaContext | None) -> dict[str, Any]:
    try:
        return environment.run_with_settings(migrated, context)
    except MayflyError as error:
        if not isinstance(error, SettingsError):  # which the environment has told
            log.error("not migrated: %s", error, extra={"error_code": error.code})
        return {"error": error.as_json()}
