"""Object generation: model answers as JSON, optionally with a schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from runtime_core.agent.model_params import text_request
from runtime_core.errors import InvalidInput, ModelAnswerMalformed
from runtime_core.ports import TextModel

# The API rejects `json_object` unless the conversation mentions JSON.
_INSTRUCTION = "Answer with one JSON object and nothing else."
_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$", re.DOTALL)


async def write_object(model: TextModel, params: Mapping[str, Any] | str) -> dict[str, Any]:
    """Generate an object for the params of an object type.

    Args:
        params: The params of a text type, and optionally `schema`, a JSON schema of type object.

    Raises:
        InvalidInput: See `text_request`; or `schema` is no mapping.
        ModelAnswerMalformed: The answer is no JSON object.
        ModelError: See `TextModel.complete`.
    """
    given: dict[str, Any] = {"prompt": params} if isinstance(params, str) else dict(params)
    schema = given.pop("schema", None)
    if schema is not None and not isinstance(schema, Mapping):
        raise InvalidInput(f"expected a JSON schema, got a {type(schema).__name__}", path="params.schema")
    system = given.get("system")
    given["system"] = f"{system}\n\n{_INSTRUCTION}" if system else _INSTRUCTION
    given["response_format"] = _response_format(schema)
    response = await model.complete(text_request(given))
    return _parse_object(response.text)


def _response_format(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    if schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "object", "schema": schema}}


def _parse_object(text: str) -> dict[str, Any]:
    fenced = _FENCED.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError) as error:
        raise ModelAnswerMalformed("the model's answer is not JSON") from error
    if not isinstance(value, dict):
        raise ModelAnswerMalformed(f"the model's answer is a {type(value).__name__}, not an object")
    return value
