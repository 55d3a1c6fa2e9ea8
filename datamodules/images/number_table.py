"""The csv beside images that says each one's number."""

import math
from collections.abc import Sequence
from pathlib import Path

from datamodules.base.tables import NUMBER
from datamodules.images.csv_table import Row, read_table

NO_NUMBERS = ("nan", "inf", "-inf")


def read_numbers(root: Path, table: str, column: str, low: float, high: float) -> list[Row]:
    """The csv's rows, each with one value. Raises DataError naming file and line."""

    def columns_of(header: Sequence[str]) -> list[str]:
        if missing := [name for name in ("image", column) if name not in header]:
            raise ValueError(
                f"lacks the column {missing[0]}; it has {', '.join(header) or 'none'} "
                "(datamodule.column names the one with the numbers)"
            )
        return [column]

    def value_of(text: str) -> float:
        if text.lower() not in NO_NUMBERS and not NUMBER.fullmatch(text):
            raise ValueError(f"{text!r:.60}; want a number")
        number = float(text)
        if not (math.isfinite(number) and low <= number <= high):
            raise ValueError(f"{text:.60}; want {low:g} to {high:g} (datamodule.low, datamodule.high)")
        return number

    return read_table(root, table, f"image,{column}", columns_of, value_of)[1]
