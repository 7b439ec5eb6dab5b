"""A plugin with every kind of handler, in every arity: type checkers find no error in it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, assert_type
from uuid import UUID

from runtime_core import (
    Action,
    ActionOptions,
    ActionResult,
    Agent,
    Content,
    Context,
    Entity,
    Evaluator,
    EventType,
    Memory,
    ModelType,
    Plugin,
    Provider,
    ProviderResult,
    Room,
    Route,
    RouteRequest,
    RouteResponse,
    Service,
    State,
    TargetInfo,
    Task,
    TaskWorker,
)
from runtime_core.domain.chat import ChatMessage, ChatRole, EmbeddingResponse, TextResponse
from runtime_core.plugin_api import Callback


class Weather(Service):
    service_type = "WEATHER"

    @classmethod
    async def start(cls, runtime: Context) -> Weather:
        return cls()

    async def stop(self) -> None: ...

    def temperature(self, city: str) -> int:
        return len(city)


async def act_on_nothing() -> None: ...


async def act_on_runtime(runtime: Context) -> str:
    return runtime.character.name


async def act_on_message(runtime: Context, message: Memory) -> bool:
    return bool(message.content.text)


async def act_on_state(runtime: Context, message: Memory, state: State) -> Mapping[str, Any]:
    return {"text": state.text}


async def act_on_options(runtime: Context, message: Memory, state: State, options: ActionOptions) -> ActionResult:
    temperature = assert_type(runtime.get_service(Weather), Weather).temperature(options.parameters["city"])
    return ActionResult(text=f"{temperature} °C", data={"temperature": temperature})


async def act_and_send(
    runtime: Context, message: Memory, state: State, options: ActionOptions, callback: Callback
) -> ActionResult:
    sent = await callback(Content(text="one moment"))
    assert_type(sent, Sequence[Memory])
    await callback({"text": "still one moment"})
    return ActionResult()


async def is_possible() -> bool:
    return True


async def is_possible_for(runtime: Context, message: Memory, state: State) -> bool:
    return runtime.has_service("WEATHER")


async def provide_text() -> str:
    return "It is autumn."


async def provide_values(runtime: Context, message: Memory) -> Mapping[str, Any]:
    return {"values": {"season": "autumn"}}


async def provide_result(runtime: Context, message: Memory, state: State) -> ProviderResult | None:
    return ProviderResult(text="It is autumn.")


async def evaluate_nothing() -> None: ...


async def evaluate_responses(
    runtime: Context, message: Memory, state: State, responses: Sequence[Memory]
) -> ActionResult:
    return ActionResult(text=f"{len(responses)} responses")


async def answer(runtime: Context, params: Any) -> str:
    return str(params["prompt"])


async def embed(runtime: Context, params: Any) -> list[float]:
    return [1.0]


async def read_weather(request: RouteRequest, runtime: Context) -> RouteResponse:
    return RouteResponse(body={"temperature": runtime.get_service(Weather).temperature(request.params["city"])})


async def read_nothing() -> dict[str, str]:
    return {}


async def hear(event: Any) -> None: ...


def hear_at_once(event: Any) -> None: ...


async def send(runtime: Context, target: TargetInfo, content: Content) -> None: ...


async def work(runtime: Context, options: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
    return {"runs": task.name}


@asynccontextmanager
async def open_client() -> AsyncGenerator[int, None]:
    yield 1


async def init(config: Mapping[str, Any], runtime: Context) -> None:
    assert_type(await runtime.enter(open_client()), int)
    assert_type(await runtime.shared(open_client), int)
    runtime.register_action(Action(name="WAIT", description="", handler=act_on_nothing))
    runtime.register_service(Weather)
    runtime.register_event(EventType.MODEL_USED, hear)
    runtime.register_send_handler("weather", send)
    runtime.register_model(ModelType.TEXT_SMALL, answer)
    runtime.register_task_worker(TaskWorker(name="READ", execute=work, validate=is_possible_for))
    runtime.register_task_worker("READ_AGAIN", work)


async def ask_models(runtime: Context) -> None:
    asked = [ChatMessage(role=ChatRole.USER, text="Hello")]
    assert_type(await runtime.use_model(ModelType.TEXT_LARGE, {"prompt": "Hello", "temperature": 0.1}), str)
    assert_type(await runtime.use_model(ModelType.TEXT_SMALL, {"prompt": "Hello"}), str)
    assert_type(await runtime.use_model(ModelType.TEXT_LARGE, {"messages": asked}), TextResponse)
    assert_type(await runtime.use_model(ModelType.TEXT_EMBEDDING, {"text": "Hello"}), list[float])
    assert_type(await runtime.use_model(ModelType.TEXT_EMBEDDING, "Hello"), list[float])
    assert_type(await runtime.use_model(ModelType.TEXT_EMBEDDING, {"texts": ["Hello"]}), EmbeddingResponse)
    assert_type(await runtime.generate_text("Hello"), str)


async def use_records(runtime: Context, room_id: UUID) -> None:
    assert_type(await runtime.get_memories(room_id=room_id), list[Memory])
    assert_type(await runtime.create_memory({"room_id": room_id, "content": {"text": "Hello"}}), UUID)
    assert_type(await runtime.get_room(room_id), Room | None)
    assert_type(await runtime.get_entity(room_id), Entity | None)
    assert_type(await runtime.get_agents(), list[Agent])
    assert_type(await runtime.get_tasks(room_id=room_id), list[Task])
    state = await runtime.compose_state({"room_id": room_id, "content": {"text": "Hello"}}, ["SEASON"])
    assert_type(state.values, Mapping[str, Any])
    await runtime.send_message_to_target(TargetInfo(source="weather"), Content(text="Hello"))


plugin = Plugin(
    name="typed",
    init=init,
    actions=(
        Action(name="NOTHING", description="", handler=act_on_nothing, validate=is_possible),
        Action(name="RUNTIME", description="", handler=act_on_runtime),
        Action(name="MESSAGE", description="", handler=act_on_message, validate=is_possible_for),
        Action(name="STATE", description="", handler=act_on_state),
        Action(name="OPTIONS", description="", handler=act_on_options),
        Action(name="CALLBACK", description="", handler=act_and_send),
    ),
    providers=(
        Provider(name="TEXT", get=provide_text),
        Provider(name="VALUES", get=provide_values),
        Provider(name="RESULT", get=provide_result),
    ),
    evaluators=(
        Evaluator(name="NOTHING", handler=evaluate_nothing),
        Evaluator(name="RESPONSES", handler=evaluate_responses, validate=is_possible_for),
    ),
    services=(Weather,),
    models={ModelType.TEXT_LARGE: answer, ModelType.TEXT_EMBEDDING: embed},
    routes=(
        Route(type="GET", path="/weather/:city", handler=read_weather),
        Route(type="GET", path="/nothing", handler=read_nothing),
    ),
    events={EventType.MODEL_USED: (hear, hear_at_once)},
)
