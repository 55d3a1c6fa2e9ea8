"""What a record says of the layers of an int8 file that are computed in float, and why they are."""

from collections.abc import Mapping, Sequence
from typing import Any

NOTE = "mixed_precision"
"""The key in a file's entry in the record."""
MOST_NAMED = 4


def asked(change: float, wanted: float) -> str:
    """Why layers are in float, where the probabilities asked for them."""
    return f"probabilities of blended calibration images change by {change:.2g}, wanted {wanted:g}"


def said(
    in_float: list[str], layers: int, why: str, steps: Sequence[Mapping[str, Any]] = (), *, within_bound: bool = True
) -> dict[str, Any]:
    """What a record says of an int8 file with some of its layers in float, by name."""
    return {
        "float_layers": in_float, "layers": layers, "within_bound": within_bound, "why": why,
        "steps": list(steps),
    }  # fmt: skip


def text_of(note: Mapping[str, Any]) -> str:
    """Such an entry in a line; empty where the leading layers were enough."""
    if not note.get("steps"):
        return ""
    names = note["float_layers"]
    shown = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
    return f"{len(names)} of {note['layers']} layers in float{f' ({shown})' if names else ''}: {note['why']}"
