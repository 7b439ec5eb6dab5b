"""Text and embedding models through the `openai` package.

They serve a caller's client, or OPENAI_TRANSPORT=sdk. Importing this module imports `openai`, which slows a cold start.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httpcore2
import httpx2
import openai

from runtime_core.adapters.http_client import CONNECT_S, HttpClient
from runtime_core.adapters.openai.answers import StreamedAnswer, read_completion, read_embeddings
from runtime_core.adapters.openai.call import Asked, in_time, read_api_key, read_base_url
from runtime_core.adapters.openai.errors import answered_error, status_error
from runtime_core.adapters.openai.requests import chat_body, embedding_body, encode, private_texts
from runtime_core.domain.chat import EmbeddingResponse, OnDelta, TextRequest, TextResponse
from runtime_core.errors import ModelAnswerMalformed, ModelError, ModelTimeout, ModelUnavailable

# Placeholder that `extra_body` replaces: the package takes 8 ms to inspect 30 messages that it sends unchanged.
_IN_BODY: tuple[()] = ()
_POOL_ERRORS = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)
_NO_KEY = "none"  # the package requires a key; a local server ignores it


def make_client(http: HttpClient, *, base_url: str, api_key: str | None = None) -> openai.AsyncOpenAI:
    """Create a client of the package over an HTTP client.

    Args:
        http: HTTP client, which the caller closes.

    Raises:
        SettingsError: The URL or the key is malformed.
    """
    return openai.AsyncOpenAI(
        api_key=read_api_key(api_key) or _NO_KEY,
        base_url=read_base_url(base_url),
        http_client=httpx2.AsyncClient(transport=_Transport(http), trust_env=False, follow_redirects=False),
        max_retries=0,
    )


def call_timeout(seconds: float) -> httpx2.Timeout:
    """Make the timeouts of single reads and writes.

    `in_time` limits the whole call.
    """
    return httpx2.Timeout(seconds, connect=min(seconds, CONNECT_S))


class _Transport(httpx2.AsyncBaseTransport):
    """Transport of the package over the connections of `HttpClient`."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        with _httpx2_errors():
            answer = await self._http.handle(
                httpcore2.Request(
                    request.method,
                    httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )


class _Body(httpx2.AsyncByteStream):
    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx2_errors():
            async for chunk in cast("AsyncIterable[bytes]", self._answer.stream):
                yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


@contextmanager
def _httpx2_errors() -> Iterator[None]:
    """Translate httpcore2 errors into httpx2 errors.

    The package expects the httpx2 errors of the same names.
    """
    try:
        yield
    except _POOL_ERRORS as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from error


class SdkModel:
    """Text and embeddings of one provider; passes `TextModelContract` and `EmbeddingModelContract`.

    It never retries, whatever the client's `max_retries`: `retryable` of an error says whether a retry can help.

    Args:
        client: Client that the caller closes, used with its key, base URL and headers, but not its timeout.
        model: Default model.
        embedding_dimension: Requested dimension; None keeps the model's default.
        timeout_s: Time limit of a whole call.
    """

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        *,
        model: str = "gpt-5",
        embedding_model: str = "text-embedding-3-small",
        embedding_dimension: int | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        self._client = client.with_options(max_retries=0)
        self._model = model
        self._embedding_model = embedding_model
        self._embedding_dimension = embedding_dimension
        self._timeout_s = timeout_s

    async def complete(self, request: TextRequest, *, on_delta: OnDelta | None = None) -> TextResponse:
        """Implement `TextModel.complete`."""
        model = request.model or self._model
        asked = asked_of(self._client, model, private_texts(request))
        body = chat_body(request, model=model, base_url=asked.base_url, stream=on_delta is not None)
        encode(body)  # raises first: the package fails midway on a value that is not JSON

        async def whole(seconds: float) -> TextResponse:
            with sdk_errors(asked):
                answer = await self._client.chat.completions.create(
                    model=model, messages=_IN_BODY, extra_body=body, timeout=call_timeout(seconds)
                )
            return read_completion(plain(answer), asked)

        async def streamed(seconds: float) -> TextResponse:
            with sdk_errors(asked):
                stream = await self._client.chat.completions.create(
                    model=model, messages=_IN_BODY, stream=True, extra_body=body, timeout=call_timeout(seconds)
                )
            async with stream:
                return await _read_stream(aiter(stream), on_delta, asked)

        return await in_time(self._timeout_s, asked, streamed if on_delta is not None else whole)

    async def embed(self, texts: Sequence[str]) -> EmbeddingResponse:
        """Implement `EmbeddingModel.embed`; without texts it makes no call."""
        model, dimension = self._embedding_model, self._embedding_dimension
        if not texts:
            return EmbeddingResponse(vectors=(), model=model)
        asked = asked_of(self._client, model, texts)
        body = embedding_body(texts, model=model, dimension=dimension)

        async def call(seconds: float) -> EmbeddingResponse:
            with sdk_errors(asked):
                answer = await self._client.embeddings.create(
                    model=model,
                    input=body["input"],
                    encoding_format="base64",
                    extra_body=body,
                    timeout=call_timeout(seconds),
                )
            return read_embeddings(plain(answer), asked, count=len(texts), dimension=dimension)

        return await in_time(self._timeout_s, asked, call)


def asked_of(client: openai.AsyncOpenAI, model: str, texts: Sequence[str]) -> Asked:
    """Collect the facts about a call for its errors."""
    return Asked(base_url=str(client.base_url).rstrip("/"), model=model, private=(client.api_key, *texts))


@contextmanager
def sdk_errors(asked: Asked) -> Iterator[None]:
    """Translate the errors of the package.

    The context wraps only calls of the package, never a caller's code.
    """
    try:
        yield
    except openai.APIStatusError as error:
        raise status_error(error.status_code, error.response.headers, error.body, asked) from error
    except (openai.APITimeoutError, httpx2.TimeoutException) as error:
        raise ModelTimeout(f"{asked.base_url} did not answer in time") from error
    except (openai.APIConnectionError, httpx2.RequestError) as error:
        raise ModelUnavailable(f"{asked.base_url} did not answer: {error.__cause__ or error}") from error
    except openai.APIResponseValidationError as error:
        raise _malformed(asked) from error
    except openai.APIError as error:  # an error object inside a stream
        raise answered_error({"error": error.body}, asked) from error
    except openai.OpenAIError as error:
        raise ModelError(f"the openai package failed: {type(error).__name__}") from error
    except (ValueError, RecursionError) as error:  # the package raises these for an answer that is not JSON
        raise _malformed(asked) from error


def plain(answer: object) -> Any:
    """Convert a package value to decoded JSON.

    Returns:
        The JSON value; a text if the answer was not JSON.
    """
    return answer.to_dict(warnings=False) if isinstance(answer, openai.BaseModel) else answer


async def _read_stream(chunks: AsyncIterator[object], on_delta: OnDelta | None, asked: Asked) -> TextResponse:
    answer = StreamedAnswer(asked)
    while True:
        with sdk_errors(asked):
            chunk = await anext(chunks, None)
        if chunk is None:
            return answer.finish()
        text = answer.add(plain(chunk))
        if text and on_delta is not None:
            await on_delta(text)


def _malformed(asked: Asked) -> ModelAnswerMalformed:
    return ModelAnswerMalformed(f"the answer of {asked.base_url} does not follow the protocol")
