"""Validation of vectors, shared by both databases."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from runtime_core.errors import InvalidRecord


def check_vector(values: Sequence[float]) -> None:
    """Check that a vector can be stored and compared.

    Raises:
        InvalidRecord: The vector is empty, or one of its numbers is not finite.
    """
    if not values or not all(isfinite(each) for each in values):
        raise InvalidRecord("an embedding must hold at least one number, and only finite ones")
