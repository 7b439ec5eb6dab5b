"""Examples under a command's help, kept as they are written."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """An epilog of example calls, each on a line of its own."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
