"""Text and embedding models over the OpenAI protocol.

They avoid the import time of `openai`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any

from runtime_core.adapters.http_client import HttpAnswer, HttpClient, HttpError, HttpTimeout
from runtime_core.adapters.openai.answers import StreamedAnswer, read_completion, read_embeddings, read_json
from runtime_core.adapters.openai.call import Asked, in_time, read_api_key, read_base_url
from runtime_core.adapters.openai.errors import status_error
from runtime_core.adapters.openai.events import EventDecoder
from runtime_core.adapters.openai.requests import chat_body, embedding_body, encode, private_texts
from runtime_core.domain.chat import EmbeddingResponse, OnDelta, TextRequest, TextResponse
from runtime_core.errors import ModelAnswerMalformed, ModelTimeout, ModelUnavailable
from runtime_core.version import __version__

_JSON = "application/json"
_MIB = 1024 * 1024
_ANSWER_LIMIT_BYTES = 16 * _MIB
_EMBEDDINGS_LIMIT_BYTES = 64 * _MIB  # 2,048 vectors of 3,072 dimensions take 33 MiB
_PROBLEM_LIMIT_BYTES = _MIB // 16


class WireModel:
    """Text and embeddings of one provider; passes `TextModelContract` and `EmbeddingModelContract`.

    It never retries: `retryable` of an error says whether a retry can help.

    Args:
        http: Client that the caller closes.
        base_url: URL with or without a trailing slash; a bare host gets `/v1`.
        api_key: Key, or None to send none, for local servers.
        model: Default model.
        embedding_dimension: Requested dimension; None keeps the model's default.
        timeout_s: Time limit of a whole call.

    Raises:
        SettingsError: The URL or the key is malformed.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        base_url: str = "https://api.openai.com/v1",
        api_key: str | None = None,
        model: str = "gpt-5",
        embedding_model: str = "text-embedding-3-small",
        embedding_dimension: int | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._http = http
        self._base_url = read_base_url(base_url)
        self._api_key = read_api_key(api_key)
        self._model = model
        self._embedding_model = embedding_model
        self._embedding_dimension = embedding_dimension
        self._timeout_s = timeout_s
        self._headers = {"accept": "*/*", "content-type": _JSON, "user-agent": f"mayfly/{__version__}"}
        if self._api_key is not None:
            self._headers["authorization"] = f"Bearer {self._api_key}"

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        """Implement `TextModel.complete`."""
        model = request.model or self._model
        content = encode(chat_body(request, model=model, base_url=self._base_url, stream=on_delta is not None))
        asked = self._asked(model, private_texts(request))

        async def call(seconds: float) -> TextResponse:
            async with self._request_ok("POST", "/chat/completions", content, seconds, asked) as response:
                if on_delta is not None:
                    return await _stream(response, on_delta, asked)
                return read_completion(await _read_json(response, _ANSWER_LIMIT_BYTES, asked), asked)

        return await in_time(self._timeout_s, asked, call)

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        """Implement `EmbeddingModel.embed`; without texts it makes no call."""
        if not texts:
            return EmbeddingResponse(vectors=(), model=self._embedding_model)
        dimension = self._embedding_dimension
        content = encode(embedding_body(texts, model=self._embedding_model, dimension=dimension))
        asked = self._asked(self._embedding_model, texts)

        async def call(seconds: float) -> EmbeddingResponse:
            async with self._request_ok("POST", "/embeddings", content, seconds, asked) as response:
                answer = await _read_json(response, _EMBEDDINGS_LIMIT_BYTES, asked)
                return read_embeddings(answer, asked, count=len(texts), dimension=dimension)

        return await in_time(self._timeout_s, asked, call)

    async def check_key(self) -> bool:
        """Check whether the provider accepts the key.

        The check lists the models, which is free.

        Raises:
            ModelError: The provider did not answer, or answered with another error.
            DeadlineExceeded: As `complete`.
        """
        asked = self._asked(self._model, ())

        async def call(seconds: float) -> bool:
            async with self._request("GET", "/models", None, seconds, asked) as response:
                if response.status in (401, 403):
                    return False
                await _raise_for_status(response, asked)
                return True

        return await in_time(self._timeout_s, asked, call)

    def _asked(self, model: str, texts: Sequence[str]) -> Asked:
        keys = () if self._api_key is None else (self._api_key,)
        return Asked(base_url=self._base_url, model=model, private=(*keys, *texts))

    @asynccontextmanager
    async def _request_ok(
        self, method: str, path: str, content: bytes | None, seconds: float, asked: Asked
    ) -> AsyncIterator[HttpAnswer]:
        """Send a request and yield its response with an unread body.

        Raises:
            ModelError: The response has an error status.
        """
        async with self._request(method, path, content, seconds, asked) as response:
            await _raise_for_status(response, asked)
            yield response

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, content: bytes | None, seconds: float, asked: Asked
    ) -> AsyncIterator[HttpAnswer]:
        url = self._base_url + path
        sent = self._http.send(method, url, headers=self._headers, content=content, timeout_s=seconds)
        with _http_errors(asked):
            async with sent as response:
                yield response


@contextmanager
def _http_errors(asked: Asked) -> Iterator[None]:
    """Translate the errors of `HttpClient`."""
    try:
        yield
    except HttpTimeout as error:
        raise ModelTimeout(f"{asked.base_url} did not answer in time ({error})") from error
    except HttpError as error:
        raise ModelUnavailable(f"{asked.base_url} did not answer: {error}") from error


async def _raise_for_status(response: HttpAnswer, asked: Asked) -> None:
    if response.is_success:
        return
    raise status_error(response.status, response.headers, await _read_problem(response, asked), asked)


async def _read_problem(response: HttpAnswer, asked: Asked) -> Any:
    """Read the body of an error.

    Returns:
        None for an unreadable body, since the status suffices.
    """
    try:
        return await _read_json(response, _PROBLEM_LIMIT_BYTES, asked)
    except (ModelAnswerMalformed, HttpError):
        return None


async def _read_json(response: HttpAnswer, limit_bytes: int, asked: Asked) -> Any:
    body = bytearray()
    async with aclosing(_chunks(response, limit_bytes, asked)) as chunks:
        async for chunk in chunks:
            body += chunk
    return read_json(bytes(body), content_type=response.headers.get("content-type", ""), asked=asked)


async def _chunks(response: HttpAnswer, limit_bytes: int, asked: Asked) -> AsyncGenerator[bytes]:
    """Yield the body in chunks, up to the limit.

    Reading the whole body frees the connection.
    """
    size_bytes = 0
    async with aclosing(response.chunks()) as chunks:
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > limit_bytes:
                raise ModelAnswerMalformed(f"the answer of {asked.base_url} is over {limit_bytes} bytes")
            yield chunk


async def _stream(response: HttpAnswer, on_delta: OnDelta, asked: Asked) -> TextResponse:
    if "text/event-stream" not in response.headers.get("content-type", ""):
        return await _whole(response, on_delta, asked)
    answer = StreamedAnswer(asked)
    async with aclosing(_events(response, asked)) as events:
        async for data in events:
            if text := answer.add(read_json(data, content_type=_JSON, asked=asked)):
                await on_delta(text)
    return answer.finish()


async def _events(response: HttpAnswer, asked: Asked) -> AsyncGenerator[bytes]:
    """Yield the data of the events before `[DONE]`.

    The stream is read to its end, so that the connection is reusable.
    """
    decoder = EventDecoder()
    is_done = False
    async with aclosing(_chunks(response, _ANSWER_LIMIT_BYTES, asked)) as chunks:
        async for chunk in chunks:
            for data in decoder.feed(chunk):
                is_done = is_done or data == b"[DONE]"
                if not is_done:
                    yield data


async def _whole(response: HttpAnswer, on_delta: OnDelta, asked: Asked) -> TextResponse:
    """Read the answer of a server that does not stream.

    The whole text is emitted as one delta.
    """
    answer = read_completion(await _read_json(response, _ANSWER_LIMIT_BYTES, asked), asked)
    if answer.text:
        await on_delta(answer.text)
    return answer
