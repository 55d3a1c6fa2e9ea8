"""The csv beside images that says each one's number."""

import math
from collections.abc import Sequence
from pathlib import Path

from datamodules.images.csv_table import Row, read_table


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
        try:
            number = float(text)
        except ValueError:
            raise ValueError(f"{text!r}; want a number") from None
        if not (math.isfinite(number) and low <= number <= high):
            raise ValueError(f"{number:g}; want {low:g} to {high:g} (datamodule.low, datamodule.high)")
        return number

    return read_table(root, table, f"image,{column}", columns_of, value_of)[1]
