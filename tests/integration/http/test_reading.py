"""Health of a deployment on a database without a schema."""

from __future__ import annotations

from runtime_core.deployment.deployment import Deployment
from runtime_core.http import create_app
from runtime_core.settings import Settings
from tests.asgi import client_of


async def test_a_deployment_that_was_not_migrated_is_not_ready(unmigrated_postgres_url: str) -> None:
    settings = Settings(database_url=unmigrated_postgres_url, agents="tests.component.http.echo:AGENTS")
    async with Deployment.open(settings) as deployment:

        async def source() -> Deployment:
            return deployment

        async with client_of(create_app(source)) as client:
            response = await client.get("/health/ready")
            answer = await client.post("/v1/messages", json={"text": "Hello"})
    assert response.status_code == 503
    assert response.json()["status"] == "not ready"
    assert response.json()["checks"]["database"]["ok"] is True
    assert "mayfly migrate" in response.json()["checks"]["schema"]["detail"]
    assert answer.json()["type"] == "urn:mayfly:problem:schema-out-of-date"
