"""The exported files of finished runs in older and newer runtimes, on the validation pictures of each run."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.runtime_answers import LEAST_AGREEMENT, Outputs, Verdict, alike_share, answered, distance_of


@dataclass(frozen=True)
class Answered:
    """A run's file in a runtime."""

    run: str
    kind: str
    runtime: str
    pictures: int
    alike: float
    """Share of pictures to which it gives the pinned runtime's answer; NaN where it refuses the file."""
    difference: float
    """The largest of a probability, from the pinned runtime's."""
    own_kernels: float
    """As `alike`, of the pinned runtime without XNNPACK."""
    refused: str
    """The runtime's words where it does not take the file."""


def trained(sweep: Path, root: str | None, pythons: Mapping[str, Path]) -> list[Answered]:
    """Every exported file that answers with `probabilities`, of the finished runs of a sweep, in each runtime; by runs.

    Args:
        sweep: the folder of the runs.
        root: where their data lies now; None for where their records say.
        pythons: name of a runtime → an interpreter that has it. The pinned runtime is that of this interpreter.

    """
    from sweeps.records.run_record import Status, find_runs, read_record

    found = []
    for folder in find_runs(sweep):
        record = read_record(folder)
        known = [kind for kind, entry in record.get("exports", {}).items() if "path" in entry]
        if record["status"] == Status.DONE and known:
            with tempfile.TemporaryDirectory() as place:
                found += _of_run(folder, known, root, pythons, Path(place))
    if not found:
        raise SystemExit(f"{sweep}: no finished run has files; `python -m export run=<run>` makes them")
    return found


def _of_run(
    folder: Path, kinds: Sequence[str], root: str | None, pythons: Mapping[str, Path], place: Path
) -> list[Answered]:
    from export.comparison import evaluated
    from sweeps.records.run_record import read_record
    from training.finished_run import load_samples

    record = read_record(folder)
    table, _, images = evaluated(load_samples(record, root, None), int(record["axes"]["resolution"]))
    images = images[(table.part == "val").to_numpy()]
    np.save(place / "images.npy", images)
    files = {kind: place / f"{kind}.tflite" for kind in kinds}
    for kind, path in files.items():
        path.write_bytes((folder / record["exports"][kind]["path"]).read_bytes())
    own, plain = (answered(Path(sys.executable), files.values(), place, plain=plain) for plain in (False, True))
    found = []
    for runtime, python in pythons.items():
        given = answered(python, files.values(), place)
        for kind, path in files.items():
            alike, difference, kernels, why = held(given[path], own[path], plain[path])
            found.append(Answered(folder.name, kind, runtime, len(images), alike, difference, kernels, why))
    return found


def held(
    given: Outputs | Verdict, pinned: Outputs | Verdict, plain: Outputs | Verdict
) -> tuple[float, float, float, str]:
    """`Answered`'s alike, difference, own_kernels and refused, of a runtime's answers and the pinned one's, with XNNPACK and without.

    Nothing is alike where either runtime crashes, the pinned one refuses the file, or an answer is not finite.
    """
    if isinstance(given, Verdict) and given.what == "refused":
        return np.nan, np.nan, np.nan, given.why
    if isinstance(given, Verdict) or isinstance(pinned, Verdict) or isinstance(plain, Verdict):
        return 0.0, np.inf, 0.0, ""
    shapes = {name: values.shape for name, values in given.items()}
    finite = all(np.isfinite(values).all() for values in given.values())
    if not finite or shapes != {name: values.shape for name, values in pinned.items()}:
        return 0.0, np.inf, 0.0, ""
    return alike_share(given, pinned), float(distance_of(given, pinned).max()), alike_share(given, plain), ""


def print_trained(found: Sequence[Answered], names: Sequence[str]) -> None:
    """Kinds × runtimes: the share of all pictures answered alike, the lowest of any run, and the largest difference."""
    table = Table("file", *names, title="Trained networks: answered as by the pinned runtime")
    for kind in dict.fromkeys(one.kind for one in found):
        cells = []
        for name in names:
            those = [one for one in found if (one.kind, one.runtime) == (kind, name)]
            answering = [one for one in those if not one.refused]
            if not answering:
                cells.append(f"refused, {len(those)}")
                continue
            pictures = sum(one.pictures for one in answering)
            share = sum(one.alike * one.pictures for one in answering) / pictures
            lowest, worst = min(one.alike for one in answering), max(one.difference for one in answering)
            some = f", {len(those) - len(answering)} refused" if len(answering) < len(those) else ""
            cells.append(f"{100 * share:.2f} %, lowest {100 * lowest:.1f} %; Δp {worst:.2g}{some}")
        table.add_row(kind, *cells)
    Console(width=200).print(table)
    loaded = [one for one in found if not one.refused]
    print(f"{len({one.run for one in found})} runs, {len(loaded)} of {len(found)} files x runtimes give answers")
    for one in sorted(loaded, key=lambda one: one.alike)[:3]:
        print(
            f"lowest: {one.kind} of {one.run} by {one.runtime}: {100 * one.alike:.1f} % of {one.pictures} pictures, "
            f"as the pinned runtime without XNNPACK {100 * one.own_kernels:.1f} %"
        )
    for why in dict.fromkeys(f"{one.kind} by {one.runtime}: {one.refused}" for one in found if one.refused):
        print(f"refused: {why}")
    low = [one for one in loaded if one.alike < LEAST_AGREEMENT]
    print(f"below {100 * LEAST_AGREEMENT:.0f} %: {len(low)} of {len(loaded)}")
