"""Verbs on models, embeddings and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from runtime_core.agent.agent_settings import AgentSettings
from runtime_core.agent.embedding_space import embed_texts_in, space_of
from runtime_core.agent.models import CallParams, ask
from runtime_core.agent.registry import Registry
from runtime_core.domain.chat import EmbeddingResponse, ModelCall, ModelType, TextResponse
from runtime_core.domain.embedding_job import Priority, as_priority
from runtime_core.domain.embedding_space import EmbeddingSpace
from runtime_core.domain.events import EventType
from runtime_core.domain.memory import Memory
from runtime_core.domain.memory_query import RecallResult
from runtime_core.plugin_api import (
    ChatParams,
    Context,
    ModelCallable,
    PromptParams,
    TextModelType,
    TextParams,
    TextsParams,
)
from runtime_core.ports import EmbeddingIntake
from runtime_core.queues.embedding.queueing import enqueue_embedding, enqueue_embeddings
from runtime_core.recall.recall_task import RecallTask, recall_mode
from runtime_core.support.arguments import call
from runtime_core.support.scope import current_scope, scope_of
from runtime_core.support.shared import Shared
from runtime_core.verbs.memories import AnyMemory, MemoryVerbs


class ModelVerbs(Context):
    """Ask models, embed texts, and find what a message recalls."""

    _registry: Registry
    _settings: AgentSettings
    _shared: Shared

    @overload
    async def use_model(
        self,
        model_type: TextModelType,
        params: ChatParams,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> TextResponse: ...
    @overload
    async def use_model(
        self,
        model_type: TextModelType,
        params: PromptParams,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> str: ...
    @overload
    async def use_model(
        self,
        model_type: Literal[ModelType.TEXT_EMBEDDING],
        params: TextsParams,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> EmbeddingResponse: ...
    @overload
    async def use_model(
        self,
        model_type: Literal[ModelType.TEXT_EMBEDDING],
        params: TextParams | str,
        provider: str | None = ...,
        *,
        max_retries: int | None = ...,
    ) -> list[float]: ...
    @overload
    async def use_model(
        self, model_type: str, params: Any, provider: str | None = ..., *, max_retries: int | None = ...
    ) -> Any: ...
    async def use_model(
        self, model_type: str, params: Any, provider: str | None = None, *, max_retries: int | None = None
    ) -> Any:
        """Call a model.

        Returns:
            Text for `{"prompt": …}`, a `TextResponse` for `{"messages": …}`; other model types return their own
            type.

        Raises:
            ModelNotFound: No plugin answers this type, or not this provider.
            ModelError: Every handler failed; the last failure.
        """
        asked = CallParams.prepare(params, self._settings.sampling(str(model_type)))
        return await ask(
            self._registry.model_handlers(model_type, provider),
            lambda each: call(each.handler, (self, asked.params)),
            max_retries=self.settings.model_max_retries if max_retries is None else max_retries,
            record=self._record_model_call,
            repeatable=lambda: not asked.was_told,
        )

    async def _record_model_call(self, call: ModelCall) -> None:
        scope = current_scope(self.agent_id)
        if scope is not None:
            scope.add_call(call)
        run_id = scope.run_id if scope else None
        await self.emit(EventType.MODEL_USED, {"runtime": self, "run_id": run_id, "call": call})

    def get_model(self, model_type: str, provider: str | None = None) -> ModelCallable | None:
        """Return the handler that is asked first; None if there is none."""
        found = self._registry.model(model_type, provider)
        return found.handler if found else None

    async def generate_text(self, text: str, *, model_type: str = ModelType.TEXT_LARGE, **params: Any) -> str:
        """Ask a text model, with the agent's character as the system text."""
        message = self.as_message({"room_id": self.agent_id, "content": {"text": ""}})
        character = (await self.compose_state(message, ["CHARACTER"], only_include=True)).text
        answer = await self.use_model(str(model_type), {"prompt": text, "system": character, **params})
        return answer.text if isinstance(answer, TextResponse) else str(answer)

    @property
    def embeds(self) -> bool:
        """Whether a model makes embeddings here."""
        return ModelType.TEXT_EMBEDDING in self._registry.models

    def embedding_space(self) -> EmbeddingSpace | None:
        """Return the embedding space of this agent's vectors.

        A handler that names no model counts as EMBEDDING_MODEL, as the deployment or the agent sets it.

        Returns:
            The space of the first embedding handler's model; None without a handler.
        """
        found = self._registry.model(ModelType.TEXT_EMBEDDING)
        return space_of(found, self) if found else None

    def embedding_model(self) -> str:
        """Return the name of the embedding model; empty without one."""
        space = self.embedding_space()
        return space.model if space else ""

    async def embed(self, texts: Sequence[str], *, max_retries: int | None = None) -> EmbeddingResponse:
        """Embed texts with the one model whose vectors this agent keeps.

        Args:
            texts: The texts, none of them blank.

        Raises:
            ModelNotFound: No plugin embeds here.
            ModelError, DimensionMismatch: As `embed_texts_in`.
        """
        handler = self._registry.model_handlers(ModelType.TEXT_EMBEDDING)[0]
        return await embed_texts_in(space_of(handler, self), self, texts, max_retries=max_retries)

    async def recalled(self, message: Memory) -> RecallResult:
        """Return the memories relevant to a message.

        Within its turn the search runs once, concurrently.

        Raises:
            StoreError: The search failed.
        """
        scope = scope_of(self.agent_id, message.room_id)
        if scope.recall_task is None or scope.recall_task.message_id != message.id:
            scope.recall_task = RecallTask(self, message, recall_mode(self))
        return await scope.recall_task.get()

    @property
    def embedding_worker(self) -> EmbeddingIntake | None:
        """In-process embedding worker.

        None where a queue or the next sweep embeds.
        """
        return self._shared.embedding_worker

    @embedding_worker.setter
    def embedding_worker(self, worker: EmbeddingIntake | None) -> None:
        self._shared.embedding_worker = worker

    async def queue_embedding_generation(self, memory: AnyMemory, priority: str = "normal") -> None:
        """Enqueue the embedding of a stored memory.

        The call waits for no model.

        Args:
            priority: `high`, `normal` or `low`.

        Raises:
            RecordNotFound: The memory was not stored.
            InvalidInput: The priority is unknown.
        """
        await enqueue_embedding(self, self.as_memory(memory), as_priority(priority))

    async def update_memory(self, memory: AnyMemory) -> None:
        """Replace the content and metadata of a memory.

        If the changed text wants an embedding, it is made in the background.

        Raises:
            RecordNotFound: The memory was not stored.
        """
        changed = self.as_memory(memory)
        await MemoryVerbs.update_memory(self, changed)
        await enqueue_embeddings(self, [changed], Priority.NORMAL)

    async def add_embedding_to_memory(self, memory: AnyMemory) -> Memory:
        """Embed a stored memory now; one without text stays as it is.

        Returns:
            The memory with its embedding.

        Raises:
            RecordNotFound: The memory was not stored.
            ModelNotFound: No plugin embeds here.
            ModelError: The model failed, or refused the text.
        """
        from runtime_core.queues.embedding.worker import embed_now  # noqa: PLC0415 - no message's cold start needs it

        return await embed_now(self, self.as_memory(memory))
