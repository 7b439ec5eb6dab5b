"""Two agents that echo their messages, or fail on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime_core.agent.model_params import delta_listener, text_request
from runtime_core.domain.chat import ModelType, TextResponse, Usage
from runtime_core.errors import ModelUnavailable
from runtime_core.plugin_api import Plugin

FOREIGN = "connection reset by 10.0.0.7"


async def echo(_runtime: object, params: Mapping[str, Any]) -> TextResponse:
    said = text_request(params).messages[-1].text
    on_delta = delta_listener(params)
    if said == "fail at once":
        raise ModelUnavailable(FOREIGN)
    if on_delta is not None:
        await on_delta("You ")
        await on_delta("said ")
    if said == "fail later":
        raise ModelUnavailable(FOREIGN)
    if said == "break":
        raise ZeroDivisionError(FOREIGN)
    return TextResponse(text=f"You said {said}", usage=Usage(input_tokens=3, output_tokens=2))


PLUGIN = Plugin(name="echo", models={ModelType.TEXT_LARGE: echo, ModelType.TEXT_SMALL: echo})
AGENTS = [
    {"character": {"name": "Ada", "bio": "Counts things.", "topics": ["numbers"]}, "plugins": [PLUGIN]},
    {"character": {"name": "Bob", "bio": ["One.", "Two."]}, "plugins": [PLUGIN]},
]
