"""`GET /v1/agents`: who answers here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from runtime_core.http.answers import json_answer
from runtime_core.http.documents import AgentsDocument
from runtime_core.http.negotiation import JSON, preferred
from runtime_core.http.parameters import check_query
from runtime_core.http.source import DeploymentSource


async def list_agents(source: DeploymentSource, request: Request) -> Response:
    """List the deployment's agents, the default one first."""
    check_query(request, ())
    preferred(request, (JSON,))
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
    return json_answer(document)
