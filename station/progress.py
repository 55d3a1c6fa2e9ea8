"""How far a folder of photos is: a bar on a terminal, a line now and then into a file or a pipe."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

EVERY_S = 30.0
"""Between two lines where there is no terminal, as a training has it."""


class Progress:
    """Of `total` photos, of which `done` were graded before."""

    def __init__(self, total: int, done: int) -> None:
        self.total, self.done, self.refused = total, done, 0
        self._before = done
        self._bar: tqdm[Any] = tqdm(
            total=total, initial=done, desc="grading", unit="photo", leave=False, disable=None, dynamic_ncols=True
        )
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    @property
    def seconds(self) -> float:
        """Since it was begun."""
        return time.monotonic() - self._began

    def one(self, *, refused: bool) -> None:
        """Another photo is done."""
        self.done += 1
        self.refused += refused
        if self.refused:
            self._bar.set_postfix_str(f"{self.refused} refused", refresh=False)
        self._bar.update()
        if self._bar.disable and time.monotonic() - self._said >= EVERY_S:
            self._say()

    def _say(self) -> None:
        self._said = time.monotonic()
        left = self.seconds * (self.total - self.done) / max(1, self.done - self._before)
        wait = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
        words = [
            f"photo {self.done} of {self.total}",
            f"{self.refused} refused" if self.refused else "",
            f"some {wait} left",
        ]
        print(", ".join(word for word in words if word), file=sys.stderr, flush=True)
