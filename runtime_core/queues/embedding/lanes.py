"""Waiting items in order: higher priority first, and within a priority one group after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from runtime_core.queues.embedding.job import Priority

T = TypeVar("T")

UNBOUNDED = 1 << 62
ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


@dataclass(slots=True, kw_only=True)
class Entry(Generic[T]):
    """An item that waits.

    Attributes:
        group: Whose item it is; groups take turns.
        weight: What it takes of a batch's weight.
        attempts: How often it was processed so far.
    """

    item: T
    priority: Priority
    group: str
    weight: int
    attempts: int = 0


class Lanes(Generic[T]):
    """One lane for each priority; in each, the groups take turns, so that a busy one starves no other."""

    def __init__(self) -> None:
        self._lanes: dict[Priority, dict[str, deque[Entry[T]]]] = {each: {} for each in ORDER}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, entry: Entry[T]) -> None:
        """Put an entry behind those of its group."""
        self._lanes[entry.priority].setdefault(entry.group, deque()).append(entry)
        self._size += 1

    def add_first(self, entry: Entry[T]) -> None:
        """Put an entry back before those of its group."""
        self._lanes[entry.priority].setdefault(entry.group, deque()).appendleft(entry)
        self._size += 1

    def take(self, at_most: int, weight: int, *, only: Callable[[Priority], bool]) -> list[Entry[T]]:
        """Take a batch of the highest priority there is; one entry at least, however heavy it is."""
        lane = next((self._lanes[each] for each in ORDER if only(each) and self._lanes[each]), None)
        if lane is None:
            return []
        batch: list[Entry[T]] = []
        while lane and len(batch) < at_most:
            group, entries = next(iter(lane.items()))
            if batch and entries[0].weight > weight:
                break
            entry = entries.popleft()
            weight -= entry.weight
            batch.append(entry)
            del lane[group]
            if entries:
                lane[group] = entries  # at the end: the next group's turn
        self._size -= len(batch)
        return batch

    def drop_last(self, below: Priority) -> Entry[T] | None:
        """Take out the newest entry of the lowest priority below the one given; None where there is none."""
        for priority in reversed(ORDER[ORDER.index(below) + 1 :]):
            if lane := self._lanes[priority]:
                group = max(lane, key=lambda each: len(lane[each]))
                entry = lane[group].pop()
                if not lane[group]:
                    del lane[group]
                self._size -= 1
                return entry
        return None

    def clear(self) -> list[Entry[T]]:
        """Take everything out, highest priority first."""
        left: list[Entry[T]] = []
        while batch := self.take(len(self), UNBOUNDED, only=lambda _: True):
            left += batch
        return left
