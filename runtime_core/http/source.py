"""Where the endpoints get the deployment from: it is opened by whoever serves the app, when first needed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

DeploymentSource: TypeAlias = "Callable[[], Awaitable[Deployment]]"
"""Gives the open deployment; opens it at the first call. Raises what opening raised, as often as it is asked."""
