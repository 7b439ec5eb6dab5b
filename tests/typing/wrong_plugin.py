"""A plugin with one mistake for each kind of handler: type checkers find each marked line, and no other.

Never imported, and left out of the project's own type check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runtime_core import (
    Action,
    ActionOptions,
    Content,
    Context,
    Evaluator,
    Memory,
    ModelType,
    Plugin,
    Provider,
    Route,
    RouteRequest,
    Service,
    State,
    TargetInfo,
    Task,
    TaskWorker,
)
from runtime_core.plugin_api import Callback


class Weather(Service):
    service_type = "WEATHER"

    @classmethod
    async def start(cls, runtime: Context) -> Weather:
        return cls()

    async def stop(self) -> None: ...


class Unstoppable(Service):
    service_type = "UNSTOPPABLE"

    @classmethod
    async def start(cls, runtime: Context) -> Unstoppable:
        return cls()


async def act_on_text(runtime: Context, message: str) -> None: ...


async def act_for_number(runtime: Context, message: Memory) -> int:
    return 1


async def act_on_more(
    runtime: Context, message: Memory, state: State, options: ActionOptions, callback: Callback, more: str
) -> None: ...


def act_at_once(runtime: Context) -> None: ...


async def check_for_text(runtime: Context) -> str:
    return "yes"


async def provide_number() -> int:
    return 1


async def evaluate_text(runtime: Context, message: Memory, state: State, responses: str) -> None: ...


async def answer_state(runtime: Context, params: Any, state: State) -> str:
    return state.text


async def embed_state(runtime: State) -> list[float]:
    return [1.0]


async def read_in_wrong_order(runtime: Context, request: RouteRequest) -> str:
    return request.path


async def hear_nothing() -> None: ...


async def send_text(runtime: Context, target: TargetInfo, content: str) -> None: ...


async def work_in_wrong_order(runtime: Context, task: Task, options: Mapping[str, Any]) -> None: ...


async def init_in_wrong_order(runtime: Context, config: Mapping[str, Any]) -> None: ...


async def use_runtime(runtime: Context, callback: Callback, sent: Sequence[Memory]) -> None:
    await callback("Hello")  # error
    runtime.get_service(Weather).temperature  # error
    runtime.get_service(int)  # error
    runtime.register_service(Weather())  # error
    runtime.register_send_handler("weather", send_text)  # error
    runtime.register_model(ModelType.TEXT_LARGE, answer_state)  # error
    _text: str = await runtime.use_model(ModelType.TEXT_EMBEDDING, {"text": "Hello"})  # error
    _vector: list[float] = await runtime.use_model(ModelType.TEXT_LARGE, {"prompt": "Hello"})  # error
    (await runtime.use_model(ModelType.TEXT_LARGE, {"messages": []})).upper()  # error
    await runtime.send_message_to_target("weather", Content(text="Hello"))  # error
    await runtime.get_memories(room_id="1")  # error
    runtime.no_such_method()  # error


action_on_text = Action(name="TEXT", description="", handler=act_on_text)  # error
action_for_number = Action(name="NUMBER", description="", handler=act_for_number)  # error
action_on_more = Action(name="MORE", description="", handler=act_on_more)  # error
action_at_once = Action(name="AT_ONCE", description="", handler=act_at_once)  # error
action_unnamed = Action(description="", handler=act_on_text)  # error
provider = Provider(name="NUMBER", get=provide_number)  # error
evaluator = Evaluator(name="TEXT", handler=evaluate_text)  # error
evaluator_checked = Evaluator(name="CHECKED", handler=check_for_text, validate=check_for_text)  # error
route = Route(type="GET", path="/", handler=read_in_wrong_order)  # error
worker = TaskWorker(name="WORK", execute=work_in_wrong_order)  # error
with_init = Plugin(name="init", init=init_in_wrong_order)  # error
with_model = Plugin(name="model", models={ModelType.TEXT_LARGE: answer_state})  # error
with_embedding = Plugin(name="embedding", models={ModelType.TEXT_EMBEDDING: embed_state})  # error
with_event = Plugin(name="event", events={"MODEL_USED": (hear_nothing,)})  # error
service = Unstoppable()  # error
with_service = Plugin(name="service", services=(str,))  # error
