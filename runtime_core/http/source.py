"""Source of the deployment that the endpoints serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from runtime_core.deployment.deployment import Deployment

DeploymentSource: TypeAlias = "Callable[[], Awaitable[Deployment]]"
"""Returns the open deployment. The server of the app opens it at the first call; an error of opening is raised again
at every call."""
