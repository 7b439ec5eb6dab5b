"""Hooks around a SnapStart snapshot; imported only where Lambda takes one."""

from __future__ import annotations

from collections.abc import Callable

from snapshot_restore_py import register_after_restore, register_before_snapshot


def register(*, before: Callable[[], None], after: Callable[[], None]) -> None:
    """Register hooks around the snapshot.

    Args:
        before: Called before the snapshot is taken.
        after: Called in each restored copy before its first event.
    """
    register_before_snapshot(before)
    register_after_restore(after)
