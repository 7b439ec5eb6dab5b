"""The same models through the `openai` package: for clients that are given, and with OPENAI_TRANSPORT=sdk.

Importing this module imports `openai`, which a cold start notices.
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

# `extra_body` replaces it: the package takes 8 ms to look through 30 messages that it sends as they are.
_IN_BODY: tuple[()] = ()
_POOL_ERRORS = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)
_NO_KEY = "none"  # the package wants one; a server on this machine does not look at it


def make_client(http: HttpClient, *, base_url: str, api_key: str | None = None) -> openai.AsyncOpenAI:
    """A client of the package over a lent HTTP client, which holds all there is to close.

    Raises:
        SettingsError: The URL or the key cannot be one.
    """
    return openai.AsyncOpenAI(
        api_key=read_api_key(api_key) or _NO_KEY,
        base_url=read_base_url(base_url),
        http_client=httpx2.AsyncClient(transport=_Transport(http), trust_env=False, follow_redirects=False),
        max_retries=0,
    )


def call_timeout(seconds: float) -> httpx2.Timeout:
    """The limits of single reads and writes; the whole call is bounded apart from this."""
    return httpx2.Timeout(seconds, connect=min(seconds, CONNECT_S))


class _Transport(httpx2.AsyncBaseTransport):
    """Carries the package's requests over the connections of our own client."""

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
    """Turns the connection pool's errors into those the package expects; they have the same names."""
    try:
        yield
    except _POOL_ERRORS as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from error


class SdkModel:
    """Text and embeddings of one provider; passes `TextModelContract` and `EmbeddingModelContract`.

    Never retries, whatever the client's `max_retries`: the errors say whether it can help.

    Args:
        client: Lent: it is used, never closed. Its key, base URL and headers count, its timeout does not.
        model: For requests that name none.
        embedding_dimension: Asked for when set; otherwise the model's own.
        timeout_s: Longest a call may take as a whole.
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
        """As `TextModel.complete`."""
        model = request.model or self._model
        asked = asked_of(self._client, model, private_texts(request))
        body = chat_body(request, model=model, base_url=asked.base_url, stream=on_delta is not None)
        encode(body)  # the package would fail halfway on what JSON has no form for

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
        """As `EmbeddingModel.embed`; no texts need no call."""
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
    """What errors about a call through this client may say."""
    return Asked(base_url=str(client.base_url).rstrip("/"), model=model, private=(client.api_key, *texts))


@contextmanager
def sdk_errors(asked: Asked) -> Iterator[None]:
    """Turns the package's errors into ours; put around its calls alone, never around a caller's code."""
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
    except openai.APIError as error:  # an error object in the middle of a stream
        raise answered_error({"error": error.body}, asked) from error
    except openai.OpenAIError as error:
        raise ModelError(f"the openai package gave up: {type(error).__name__}") from error
    except (ValueError, RecursionError) as error:  # what it lets through of an answer that is not JSON
        raise _malformed(asked) from error


def plain(answer: object) -> Any:
    """What the server sent, from the package's value; it gives text where the answer was no JSON."""
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
    return ModelAnswerMalformed(f"the answer of {asked.base_url} is not what the protocol promises")
