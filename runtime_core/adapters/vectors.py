"""What both databases ask of a vector before they take it."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from runtime_core.errors import InvalidRecord


def check_vector(values: Sequence[float]) -> None:
    """Make sure that a vector can be kept and compared.

    Raises:
        InvalidRecord: It is empty, or a number in it is not finite.
    """
    if not values or not all(isfinite(each) for each in values):
        raise InvalidRecord("an embedding must hold finite numbers, one at least")
