"""ACTION_STATE: results of the actions of this turn."""

from __future__ import annotations

from runtime_core.domain.memory import Memory
from runtime_core.domain.run import ActionResult
from runtime_core.domain.state import ProviderResult
from runtime_core.plugin_api import Context, PromptPlace, Provider


async def _get(runtime: Context, message: Memory) -> ProviderResult:
    results = runtime.get_action_results(message.id)
    lines = [_format_line(each) for each in results]
    return ProviderResult(
        text="# What your actions came to\n" + "\n".join(lines) if lines else "",
        values={key: value for result in results for key, value in result.values.items()},
        data={"action_results": tuple(results)},
    )


def _format_line(result: ActionResult) -> str:
    outcome = result.text or "done" if result.success else f"failed: {result.error}"
    return f"- {result.action}: {outcome}"


action_state = Provider(
    name="ACTION_STATE",
    description="What the actions of this turn came to",
    get=_get,
    position=150,
    place=PromptPlace.NOWHERE,  # a model that calls tools reads the results as tool messages
)
