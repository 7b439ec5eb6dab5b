"""Order of waiting items: by priority, then by groups in turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from runtime_core.domain.embedding_job import Priority

T = TypeVar("T")

UNBOUNDED = 1 << 62
ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


@dataclass(slots=True, kw_only=True)
class Entry(Generic[T]):
    """A waiting item.

    Attributes:
        group: Owner of the item; groups take turns.
        weight: Share of a batch's weight.
        attempts: Number of attempts so far.
    """

    item: T
    priority: Priority
    group: str
    weight: int
    attempts: int = 0


class Lanes(Generic[T]):
    """One lane for each priority; groups take turns, so none is starved."""

    def __init__(self) -> None:
        self._lanes: dict[Priority, dict[str, deque[Entry[T]]]] = {each: {} for each in ORDER}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, entry: Entry[T]) -> None:
        """Add an entry as the last of its group."""
        self._lanes[entry.priority].setdefault(entry.group, deque()).append(entry)
        self._size += 1

    def add_first(self, entry: Entry[T]) -> None:
        """Add an entry as the first of its group."""
        self._lanes[entry.priority].setdefault(entry.group, deque()).appendleft(entry)
        self._size += 1

    def take(self, at_most: int, weight: int, *, only: Callable[[Priority], bool]) -> list[Entry[T]]:
        """Remove a batch of the highest waiting priority.

        Args:
            only: Selects the priorities to consider.

        Returns:
            At least one entry, even one heavier than `weight`; empty if no entry waits.
        """
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
                lane[group] = entries  # last in the dict, so that the next group has its turn
        self._size -= len(batch)
        return batch

    def drop_last(self, below: Priority) -> Entry[T] | None:
        """Remove the newest entry of the lowest priority below `below`.

        The entry is from the largest group.

        Returns:
            None if no such entry waits.
        """
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
        """Remove and return all entries, highest priority first."""
        left: list[Entry[T]] = []
        while batch := self.take(len(self), UNBOUNDED, only=lambda _: True):
            left += batch
        return left
