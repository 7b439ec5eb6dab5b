"""GENERATE_IMAGE: generate an image and send it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from runtime_core.domain.chat import ModelType
from runtime_core.domain.memory import Content, Media, Memory
from runtime_core.domain.run import ActionOptions, ActionResult
from runtime_core.errors import ActionError
from runtime_core.plugin_api import Action, Context

_NAME = "GENERATE_IMAGE"


async def _handle(
    runtime: Context, _message: Memory, _state: Any, options: ActionOptions, callback: Any
) -> ActionResult:
    prompt = str(options.parameters["prompt"]).strip()
    images = await runtime.use_model(ModelType.IMAGE, {"prompt": prompt})
    media = tuple(
        Media(id=str(uuid4()), url=str(each["url"]), title="A drawn picture", source=_NAME, description=prompt)
        for each in images
        if each.get("url")
    )
    if not media:
        raise ActionError("the model returned no image", action=_NAME)
    await callback(Content(text=str(options.parameters.get("text", "")), attachments=media, actions=(_NAME,)))
    return ActionResult(text="The picture was sent to the user.", data={"images": len(media), "prompt": prompt})


async def _validate(runtime: Context) -> bool:
    """Offer the action only with IMAGE_GENERATION and an image model.

    The setting exists because images cost money.
    """
    return runtime.get_setting("IMAGE_GENERATION") is True and runtime.get_model(ModelType.IMAGE) is not None


generate_image = Action(
    name=_NAME,
    description="Draw a picture and send it, when the user asks for one.",
    handler=_handle,
    validate=_validate,
    similes=("DRAW", "CREATE_IMAGE", "RENDER_IMAGE", "CREATE_PICTURE", "MAKE_PICTURE"),
    parameters={
        "type": "object",
        "properties": {
            "prompt": {"type": "string", "minLength": 1, "description": "What the picture shows, in detail."},
            "text": {"type": "string", "description": "What to say beside it."},
        },
        "required": ["prompt"],
    },
)
