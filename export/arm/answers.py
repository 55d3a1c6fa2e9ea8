"""`check=arm`: whether a file answers on an ARM processor as it does here, under an emulator, by XNNPACK's ARM kernels."""

import math
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.arm.emulated import Emulated
from export.arm.guest import CPU, emulator, find_guest
from export.check import CheckError
from export.comparison import FileComparison
from metrics.base import TaskMetrics

MACHINE = "aarch64"


class ArmCheck:
    """Runs a file in the guest on the run's validation samples, each answer held there against the one given here.

    Args:
        folder: the guest's, see `guest.make_guest`.
        cpu: one that the emulator knows.
        max_cells: at most so many samples, drawn at random, always the same; None takes all.
        timeout_s: of one file.

    """

    def __init__(self, folder: str, *, cpu: str = CPU, max_cells: int | None = None, timeout_s: float = 3600.0) -> None:
        self.folder, self.cpu, self.max_cells, self.timeout_s = Path(folder), cpu, max_cells, timeout_s

    def ready(self) -> None:
        """Raises CheckError without emulator or guest, and for a number that cannot be."""
        if self.max_cells is not None and self.max_cells < 1:
            raise CheckError(f"check.arm.max_cells={self.max_cells}: want at least 1, or null for all")
        if not self.timeout_s > 0:
            raise CheckError(f"check.arm.timeout_s={self.timeout_s}: want seconds, above 0")
        guest = find_guest(self.folder)
        known = subprocess.run([emulator(), "-cpu", "help"], capture_output=True, text=True, check=False).stdout.split()
        if self.cpu not in known:
            raise CheckError(f"check.arm.cpu={self.cpu}: {Path(emulator()).name} knows no such processor; want {CPU}")
        guest.command(self.cpu)

    def __call__(
        self, data: bytes, comparison: FileComparison, metrics: TaskMetrics, *, there: bytes | None = None
    ) -> dict[str, Any]:
        """See `Check`.

        Args:
            data: the file's bytes.
            comparison: of the run.
            metrics: of the task.
            there: what the guest runs, where it is not the same file.

        Returns:
            machine, runtime, delegate, python (as the guest says), emulator, part, cells and cells_of (all of the part), cells_alike,
            agreement (share of answers that are those given here), max_probability_difference, differences (by output), and the
            task's figures by the guest's answers, `val/<figure>`.

        """
        part, places = self._chosen(comparison)
        fewer = comparison.of_rows(places)
        span = float(comparison.span)
        model: Any = fewer.model(data)
        steps = {name: list(map(float, one)) for name, one in model.backend.steps.items()}
        rule = {"thresholds": comparison.cuts, "span": span, "steps": steps}
        guest = find_guest(self.folder)
        with Emulated.started(guest, self.cpu, there or data, rule, self.timeout_s) as arm:
            model.backend = replace(model.backend, run=arm.beside(model.backend.run))
            figures, _ = fewer.judge(model, metrics, most_lost=math.inf)
            found = arm.end()
        if arm.about["machine"] != MACHINE:
            raise CheckError(f"the guest takes itself for {arm.about['machine']}; want {MACHINE}")
        own = {name: figures[name] for name in _shown(metrics) if name in figures}
        about = arm.about | {
            "emulator": f"{_version()} -cpu {self.cpu}",
            "part": part,
            "cells_of": self._all(comparison),
        }
        return about | found | own

    def _chosen(self, comparison: FileComparison) -> tuple[str, npt.NDArray[np.intp]]:
        """The part, and the places of the samples in the order of the table."""
        part, places = _part(comparison)
        if self.max_cells is not None:
            places = np.sort(np.random.default_rng(0).permutation(places)[: self.max_cells])
        return part, places

    @staticmethod
    def _all(comparison: FileComparison) -> int:
        return len(_part(comparison)[1])


def _part(comparison: FileComparison) -> tuple[str, npt.NDArray[np.intp]]:
    """The validation set; of a network that was trained on all data, what there is."""
    parts = comparison.columns.part.to_numpy(str)
    part = "val" if "val" in parts else "all"
    return part, np.flatnonzero(parts == part) if part == "val" else np.arange(len(parts))


def _shown(metrics: TaskMetrics) -> list[str]:
    """Figures of the validation set that are entered; those of a training set would flatter."""
    return [f"val/{name}" for name in dict.fromkeys([metrics.main, metrics.drop_figure, *metrics.file_columns])]


def _version() -> str:
    """The emulator's name and version."""
    said = subprocess.run([emulator(), "--version"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.partition("(")[0].split()).replace(" version", "")
