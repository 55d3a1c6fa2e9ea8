"""What would be right, in words; nothing is imported, for help pages say it too."""

from collections.abc import Mapping, Sequence
from typing import Any


def listed(words: Sequence[str]) -> str:
    """`a, b or c`."""
    *others, last = words or [""]
    return f"{', '.join(others)} or {last}" if others else last


def range_words(limits: Mapping[str, Any]) -> str:
    """What pydantic's limits (ge, gt, le, lt) say, to stand behind "a number"."""
    low = f"above {limits['gt']}" if "gt" in limits else f"{limits['ge']}" if "ge" in limits else ""
    high = f"below {limits['lt']}" if "lt" in limits else f"{limits['le']}" if "le" in limits else ""
    if "ge" in limits and "le" in limits:
        return f" from {low} to {high}"
    low = f", {low} or more" if "ge" in limits else f" {low}" if low else ""
    high = f" up to {high}" if "le" in limits else f" {high}" if high else ""
    return f"{low},{high}" if low and high else low + high
