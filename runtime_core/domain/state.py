"""State from which an answer is made.

It holds the results of providers, composed in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderResult:
    """A provider's contribution to the state.

    `text` is for the prompt, `values` for templates, `data` for code.
    """

    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the providers gave.

    Attributes:
        values: For templates, merged in position order.
        data: `providers`: each provider's `ProviderResult` by name; `provider_errors`: why one is missing, by name.
        text: Every provider's text in order.
    """

    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""

    def provided(self, name: str) -> ProviderResult:
        """What one provider gave; empty when it gave nothing."""
        found = self.data.get("providers", {}).get(name)
        return found if isinstance(found, ProviderResult) else NOTHING_PROVIDED


NOTHING_PROVIDED = ProviderResult()
