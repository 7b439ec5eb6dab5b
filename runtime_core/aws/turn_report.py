"""Report of one turn: log fields, metrics and phase times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime_core.domain.chat import ModelCall

TURN_MESSAGE = "turn finished"  # logged by the pipeline once per turn
PHASES = ("begin_ms", "attachments_ms", "state_ms", "answer_ms", "finish_ms")  # consecutive, in this order
# Field names of OpenTelemetry's semantic conventions for generative AI and for functions:
# https://opentelemetry.io/docs/specs/semconv/registry/attributes/gen-ai/
SEMANTIC = {
    "agent_id": "gen_ai.agent.id",
    "room_id": "gen_ai.conversation.id",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReport:
    """Measurements of one turn by the pipeline and the environment.

    Attributes:
        fields: Fields of the pipeline's log record.
        ended_at: Seconds since 1970.
        init_ms: Milliseconds of the environment's start, on its first turn; otherwise None.
    """

    fields: Mapping[str, Any]
    calls: tuple[ModelCall, ...]
    ended_at: float
    is_cold: bool
    init_ms: float | None

    def other_fields(self) -> dict[str, Any]:
        """Return the record's fields that have no semantic convention."""
        return {name: value for name, value in self.fields.items() if name not in SEMANTIC}

    def semantic_fields(self) -> dict[str, Any]:
        """Return the fields under the names of the semantic conventions."""
        named = {key: self.fields[name] for name, key in SEMANTIC.items() if name in self.fields}
        named["faas.coldstart"] = self.is_cold
        if self.calls:
            named["gen_ai.request.model"] = self.calls[-1].model
            named["gen_ai.provider.name"] = self.calls[-1].provider
        named["model_ms"] = self.model_ms
        return named

    @property
    def model_ms(self) -> float:
        """Milliseconds spent in model calls."""
        return round(sum(call.duration_ms for call in self.calls), 3)

    def metrics(self) -> dict[str, tuple[str, float]]:
        """Return the unit and the value of each metric by name."""
        cold = 1 if self.is_cold else 0
        found = {
            "ColdStart": ("Count", cold),
            "TurnMs": ("Milliseconds", self._number("duration_ms")),
            "ModelMs": ("Milliseconds", self.model_ms),
            "DbMs": ("Milliseconds", self._number("db_ms")),
            "TokensIn": ("Count", self._number("input_tokens")),
            "TokensOut": ("Count", self._number("output_tokens")),
            "Replay": ("Count", 1 if self.fields.get("outcome") == "replay" else 0),
            "DeadlineHit": ("Count", 1 if self.fields.get("timed_out") else 0),
        }
        if self.init_ms is not None:
            found["InitMs"] = ("Milliseconds", self.init_ms)
        return found

    def phases(self) -> list[tuple[str, float, float]]:
        """Return name, start and end (seconds since 1970) of each phase."""
        found: list[tuple[str, float, float]] = []
        at = self.ended_at - self._number("duration_ms") / 1000
        for name in PHASES:
            if name in self.fields:
                end = at + self._number(name) / 1000
                found.append((name.removesuffix("_ms"), at, end))
                at = end
        return found

    def _number(self, name: str) -> float:
        return float(self.fields.get(name, 0.0))
