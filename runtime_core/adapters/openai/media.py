"""Images, transcription and speech; importing this module imports `openai`."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import openai

from runtime_core.adapters.openai.answers import read_completion
from runtime_core.adapters.openai.call import in_time
from runtime_core.adapters.openai.sdk import asked_of, call_timeout, plain, sdk_errors
from runtime_core.errors import InvalidInput, ModelAnswerMalformed

_IMAGE_MODEL = "gpt-image-1"
_DESCRIPTION_MODEL = "gpt-5-mini"
_TRANSCRIPTION_MODEL = "gpt-4o-mini-transcribe"
_SPEECH_MODEL = "gpt-4o-mini-tts"
_DESCRIBE = "Give this image a short title, and describe it in detail."
_DESCRIPTION_SCHEMA = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "description": {"type": "string"}},
    "required": ["title", "description"],
    "additionalProperties": False,
}


class MediaModel:
    """Image, transcription and speech models of one provider.

    Params may name a `model`. Methods raise as `TextModel.complete`.

    Args:
        client: Client that the caller closes.
        timeout_s: Time limit of a whole call.
    """

    def __init__(self, client: openai.AsyncOpenAI, *, timeout_s: float = 60.0) -> None:
        self._client = client.with_options(max_retries=0)
        self._timeout_s = timeout_s

    async def images(self, params: Mapping[str, Any] | str) -> list[dict[str, str]]:
        """Generate images for `prompt`; `count` and `size` are optional.

        Returns:
            One `{"url"}` per image, with a URL of the provider or a `data:` URL.
        """
        given = _mapping(params, "prompt")
        prompt = _text(given, "prompt")
        model = str(given.get("model") or _IMAGE_MODEL)
        asked = asked_of(self._client, model, (prompt,))
        extra = {name: given[key] for key, name in (("count", "n"), ("n", "n"), ("size", "size")) if key in given}

        async def call(seconds: float) -> list[dict[str, str]]:
            with sdk_errors(asked):
                answer = await self._client.images.generate(
                    prompt=prompt, model=model, extra_body=extra, timeout=call_timeout(seconds)
                )
            return [{"url": _image_url(each)} for each in _listed(plain(answer))]

        return await in_time(self._timeout_s, asked, call)

    async def describe_image(self, params: Mapping[str, Any] | str) -> dict[str, str]:
        """Describe an image.

        Args:
            params: `image_url`, which may be a `data:` URL; optional `prompt` replaces the default prompt.

        Returns:
            `{"title", "description"}`.
        """
        given = _mapping(params, "image_url")
        url = _text(given, "image_url" if "image_url" in given else "imageUrl")
        prompt = str(given.get("prompt") or _DESCRIBE)
        model = str(given.get("model") or _DESCRIPTION_MODEL)
        asked = asked_of(self._client, model, (url, prompt))
        messages: Any = [
            {
                "role": "user",
                "content": [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": url}}],
            }
        ]
        schema = {"name": "image", "schema": _DESCRIPTION_SCHEMA, "strict": True}
        body = {"response_format": {"type": "json_schema", "json_schema": schema}}

        async def call(seconds: float) -> dict[str, str]:
            with sdk_errors(asked):
                answer = await self._client.chat.completions.create(
                    model=model, messages=messages, extra_body=body, timeout=call_timeout(seconds)
                )
            return _described(read_completion(plain(answer), asked).text)

        return await in_time(self._timeout_s, asked, call)

    async def transcribe(self, params: Mapping[str, Any] | bytes) -> str:
        """Transcribe an audio file.

        Args:
            params: `audio`, the bytes of a file; optional `filename` sets its type, `language` its language.
        """
        given = {"audio": params} if isinstance(params, bytes) else _mapping(params, "audio")
        audio = given.get("audio")
        if not isinstance(audio, bytes) or not audio:
            raise InvalidInput("must be the bytes of an audio file", path="params.audio")
        model = str(given.get("model") or _TRANSCRIPTION_MODEL)
        asked = asked_of(self._client, model, ())
        named = (str(given.get("filename") or "audio.wav"), audio)
        extra = {"language": given["language"]} if "language" in given else {}

        async def call(seconds: float) -> str:
            with sdk_errors(asked):
                answer = await self._client.audio.transcriptions.create(
                    file=named, model=model, extra_body=extra, timeout=call_timeout(seconds)
                )
            body = plain(answer)
            if not isinstance(body, Mapping) or not isinstance(body.get("text"), str):
                raise ModelAnswerMalformed("the transcription has no text")
            return str(body["text"])

        return await in_time(self._timeout_s, asked, call)

    async def speak(self, params: Mapping[str, Any] | str) -> bytes:
        """Synthesize a text as an audio file.

        Args:
            params: `text`; optional `voice` and `format` (mp3, wav, opus …).
        """
        given = _mapping(params, "text")
        text = _text(given, "text")
        model = str(given.get("model") or _SPEECH_MODEL)
        asked = asked_of(self._client, model, (text,))
        extra = {"response_format": given["format"]} if "format" in given else {}

        async def call(seconds: float) -> bytes:
            with sdk_errors(asked):
                answer = await self._client.audio.speech.create(
                    input=text,
                    model=model,
                    voice=str(given.get("voice") or "alloy"),
                    extra_body=extra,
                    timeout=call_timeout(seconds),
                )
                audio = await answer.aread()
            if not audio:
                raise ModelAnswerMalformed("the speech is empty")
            return audio

        return await in_time(self._timeout_s, asked, call)


def _mapping(params: object, key: str) -> Mapping[str, Any]:
    if isinstance(params, str):
        return {key: params}
    if not isinstance(params, Mapping):
        raise InvalidInput(f"must be a mapping or a text, not a {type(params).__name__}", path="params")
    return params


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput("must be a text", path=f"params.{name}")
    return value


def _listed(answer: Any) -> list[Mapping[str, Any]]:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list) or not data or not all(isinstance(each, Mapping) for each in data):
        raise ModelAnswerMalformed("the answer has no image")
    return data


def _image_url(image: Mapping[str, Any]) -> str:
    url, encoded = image.get("url"), image.get("b64_json")
    if isinstance(url, str) and url:
        return url
    if not isinstance(encoded, str) or not encoded:
        raise ModelAnswerMalformed("an image has neither a URL nor bytes")
    try:
        start = base64.b64decode(encoded[:16], validate=True)
    except ValueError as error:
        raise ModelAnswerMalformed("an image is not base64") from error
    return f"data:{_media_type(start)};base64,{encoded}"


def _media_type(start: bytes) -> str:
    if start.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if start.startswith(b"RIFF") else "image/png"


def _described(text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = {"description": text}  # a server without response_format answers in prose
    if not isinstance(value, Mapping):
        raise ModelAnswerMalformed("the image's description is not an object")
    return {"title": str(value.get("title") or "Image"), "description": str(value.get("description") or text)}
