"""Embedding space, the vectors of one embedding model.

Only vectors of one space can be compared with each other.
"""

from __future__ import annotations

from runtime_core.domain.frozen import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpace:
    """Where an agent's vectors lie.

    Attributes:
        model: Kept beside each vector; vectors of another model are never compared with these.
        dimension: None where only the model's first answer tells.
        provider: Whose handler embeds: another provider's model, even as a fallback, makes other vectors.
        takes_batches: The handler answers `{"texts": […]}`; one that does not is asked for each text.
    """

    model: str
    dimension: int | None = None
    provider: str = ""
    takes_batches: bool = True
