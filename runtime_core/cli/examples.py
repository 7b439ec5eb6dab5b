"""Examples in a command's help."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """Format example calls as an epilog, one per line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
