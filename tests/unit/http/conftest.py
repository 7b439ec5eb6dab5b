from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import httpx2
import pytest

from runtime_core.http import Application, create_app
from tests.unit.http.deployment_double import DoubleDeployment

if TYPE_CHECKING:
    from runtime_core.deployment import Deployment


@pytest.fixture
def deployment() -> DoubleDeployment:
    return DoubleDeployment()


@pytest.fixture
def app(deployment: DoubleDeployment) -> Application:
    async def source() -> Deployment:
        return cast(Any, deployment)

    return create_app(source)


@pytest.fixture
async def client(app: Application) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://mayfly.test") as client:
        yield client
