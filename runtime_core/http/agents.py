"""`GET /v1/agents`: agents of the deployment."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.http.documents import AgentsDocument
from runtime_core.http.negotiation import JSON, negotiate
from runtime_core.http.parameters import check_query
from runtime_core.http.responses import json_response
from runtime_core.http.source import DeploymentSource


async def list_agents(source: DeploymentSource, request: Request) -> Response:
    """List the deployment's agents, the default agent first."""
    check_query(request, ())
    negotiate(request, (JSON,))
    deployment = await source()
    document: AgentsDocument = {
        "agents": [
            {
                "id": agent.agent_id,
                "name": agent.character.name,
                "username": agent.character.username,
                "bio": list(agent.character.paragraphs),
                "topics": list(agent.character.topics),
            }
            for agent in deployment.agents
        ]
    }
    return json_response(document)
