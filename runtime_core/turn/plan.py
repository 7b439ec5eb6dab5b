"""Plan of a turn.

It holds the actions that the model chose, with their status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from runtime_core.domain.chat import ToolCall
from runtime_core.domain.frozen import dataclass
from runtime_core.domain.run import ActionResult


class StepStatus(StrEnum):
    """Status of a plan step."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One action of a plan.

    Attributes:
        id: The id of the model's call; unique in a turn.
        error: The reason of the failure.
    """

    id: str
    action: str
    status: StepStatus = StepStatus.PENDING
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Steps of a turn, in order; actions read it as `state.data["plan"]`."""

    steps: tuple[PlanStep, ...] = ()

    def with_calls(self, calls: Sequence[ToolCall]) -> Plan:
        """Return the plan with the model's new calls appended."""
        return replace(self, steps=(*self.steps, *(PlanStep(id=each.id, action=each.name) for each in calls)))

    def with_result(self, call_id: str, result: ActionResult) -> Plan:
        """Return the plan with the oldest pending step of this call ended."""
        steps = list(self.steps)
        for index, step in enumerate(steps):
            if step.id == call_id and step.status is StepStatus.PENDING:
                status = StepStatus.COMPLETED if result.success else StepStatus.FAILED
                steps[index] = replace(step, action=result.action, status=status, error=result.error)
                break
        return replace(self, steps=tuple(steps))

    @property
    def pending(self) -> tuple[PlanStep, ...]:
        return tuple(step for step in self.steps if step.status is StepStatus.PENDING)


def plan_in(data: Mapping[str, Any]) -> Plan:
    """Return the plan in a state's data.

    Returns:
        An empty plan if the data has none.
    """
    plan = data.get("plan")
    return plan if isinstance(plan, Plan) else Plan()
