"""Files in older and newer TFLite runtimes: `python -m benchmarks.runtimes [runs=<a sweep's folder>] [root=] [only=] [kinds=]`.

With `runs=` the exported files of its finished runs on their own validation pictures, see `trained_runtimes`; `root=` is where
their data lies now. A trained network's answers are far apart, and its files are wanted to answer alike in every runtime.

Without it, files of networks at random weights and low resolutions: every backbone with one encoding, and one backbone with every
encoding of grades; `only=` takes those whose name has that part, `kinds=float32,dynamic` fewer kinds. A runtime must answer as the
one that gridlite pins does, or refuse the file itself; anything else is wrong.

XNNPACK and a runtime's own kernels round int8 sums differently, and a random network makes much of it. So an answer may also be
that of the pinned runtime without XNNPACK; and what is like neither *rounds* where it is as near to the float32 file's
probabilities as the pinned runtime's answers are. Where the pinned runtime's int8 answers are themselves far from float32's, as of
some random networks, *rounds* says little: the table of trained networks says more.

The runtimes lie in virtual environments of their own under `.cache/runtimes`, made with `uv` when they are first needed.
"""

import math
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from benchmarks.runtime_answers import LEAST_AGREEMENT, Outputs, Verdict, alike_share, answered, distance_of
from benchmarks.runtime_environments import RUNTIMES, MissingError
from benchmarks.trained_runtimes import print_trained, trained
from benchmarks.words import given_words
from choices import CONF, names_of, read_choice

LEADING = 2
"""Convolutions of int8 files that stay in float, at most half of them: random weights give nothing to choose them by."""
KINDS = ("float32", "float16", "dynamic", "int8", "int8_plain")
PICTURES, CALIBRATION = 200, 32
FURTHER = 1.25
"""An answer that is so many times as far from float32's as the pinned runtime's is wrong."""
SPARE = 0.05
"""Share of pictures by which it may choose another class than float32 more often than the pinned runtime does, beyond three standard
errors of that difference: int8 rounds random deep networks so coarsely that both choose almost anything."""
SMALL, SMALLEST = 64, 32
"""Pixels; the smaller one for networks of more than MANY weights at their usual width."""
MANY = 1_000_000
ONE_ENCODING, ONE_BACKBONE = "one_hot", "mobilenet"


@dataclass(frozen=True)
class Network:
    """A network whose files are tried."""

    backbone: str
    encoding: str

    def __str__(self) -> str:
        return f"{self.backbone}, {self.encoding}"


def networks() -> list[Network]:
    """Every backbone with one encoding, and one backbone with the other encodings of grades."""
    grades = [name for name in names_of("encoding") if "grades" in read_choice("encoding", name).get("targets", ())]
    first = [Network(name, ONE_ENCODING) for name in names_of("backbone")]
    return first + [Network(ONE_BACKBONE, name) for name in grades if name != ONE_ENCODING]


def make_files(network: Network, folder: Path, kinds: Sequence[str] = KINDS) -> dict[str, Path]:
    """Kind → file, for a random network, float32 always; writes `images.npy` beside them, uint8 `(N, S, S, 3)`."""
    from export import flatbuffer
    from export.bias_correction import convolution_outputs
    from export.float_file import FloatFile
    from tasks.grading_files import GradeModel

    made: Any = import_module("tests.export.made")  # networks as the tests of export make them
    spec = read_choice("backbone", network.backbone)["spec"]
    bound = spec.get("resolutions")
    resolution = int(bound[0]) if bound else SMALL
    module: Any = made.random_module(network.backbone, encoding=network.encoding, resolution=resolution)
    if not bound and sum(one.numel() for one in module.parameters()) > MANY:
        resolution = SMALLEST
        module = made.random_module(network.backbone, encoding=network.encoding, resolution=resolution)
    data = made.converted(module, resolution)[1]
    source = FloatFile(data, made.pictures(CALIBRATION, resolution, seed=1), GradeModel)
    np.save(folder / "images.npy", made.pictures(PICTURES, resolution))
    files = {kind: folder / f"{kind}.tflite" for kind in dict.fromkeys(["float32", *kinds])}
    for kind, path in files.items():
        settings: Any = OmegaConf.load(CONF / "quantization" / f"{kind}.yaml")
        if settings.get("float_layers") == "auto":
            settings.float_layers = min(LEADING, len(convolution_outputs(flatbuffer.unpack(data))) // 2)
        path.write_bytes(instantiate(settings)(source))
    return files


WHAT = ("agrees", "rounds", "refused", "wrong")


def verdict(given: Outputs, pinned: Sequence[Outputs], exact: Outputs) -> Verdict:
    """Of a runtime's answers.

    Args:
        given: its own.
        pinned: those of the pinned runtime to the same file, with XNNPACK and without.
        exact: those of the pinned runtime to the float32 file.

    """
    shares = given["probabilities"]
    if shares.shape != exact["probabilities"].shape or not np.isfinite(shares).all():
        return Verdict("wrong", f"probabilities of shape {shares.shape}, finite: {bool(np.isfinite(shares).all())}")
    alike, difference = max(
        ((alike_share(given, one), distance_of(given, one).max()) for one in pinned), key=lambda at: at[0]
    )
    far, wanted = distance_of(given, exact).mean(), max(distance_of(one, exact).mean() for one in pinned)
    why = f"{100 * alike:.1f} % alike, {far:.2g} from float32, pinned {wanted:.2g}"
    if alike >= LEAST_AGREEMENT:
        return Verdict("agrees", why, float(difference))
    least = min(alike_share(one, exact) for one in pinned)
    chance = 3 * math.sqrt(2 * least * (1 - least) / len(shares))
    decided = alike_share(given, exact) >= least - SPARE - chance
    rounds = far <= FURTHER * wanted and decided
    return Verdict("rounds" if rounds else "wrong", why, float(difference))


def judged(files: Mapping[str, Path], pythons: Mapping[str, Path], folder: Path) -> dict[tuple[str, str], Verdict]:
    """(kind, runtime) → what became of it; the pinned runtime is that of this interpreter. One of the kinds is float32."""
    own = Path(sys.executable)
    ways = [answered(own, files.values(), folder, plain=plain) for plain in (False, True)]
    found: dict[tuple[str, str], Verdict] = {}
    for name, python in pythons.items():
        given = answered(python, files.values(), folder)
        for kind, path in files.items():
            answer, exact = given[path], ways[0][files["float32"]]
            pinned = [way[path] for way in ways]
            if isinstance(answer, Verdict):
                found[kind, name] = answer
            elif failed := [one for one in (*pinned, exact) if isinstance(one, Verdict)]:
                found[kind, name] = Verdict("wrong", f"the pinned runtime: {failed[0].why}")
            else:
                found[kind, name] = verdict(answer, pinned, exact)  # type: ignore[arg-type]
    return found


def main() -> None:
    """Prints what became of each file, then how many of each kind in each runtime."""
    wanted = {"runs": "", "root": "", "only": "", "kinds": ",".join(KINDS)}
    given = given_words(__doc__)
    kinds = (wanted | given)["kinds"].split(",")
    if set(given) - set(wanted) or set(kinds) - set(KINDS):
        raise SystemExit(f"want {' '.join(f'[{name}=]' for name in wanted)}, of the kinds {', '.join(KINDS)}")
    wanted |= given
    pythons: dict[str, Path] = {}
    for runtime in RUNTIMES:
        try:
            pythons[runtime.name] = runtime.interpreter()
        except MissingError as error:
            print(f"{runtime.name} left out: {error}")
    if wanted["runs"]:
        print_trained(trained(Path(wanted["runs"]), wanted["root"] or None, pythons), list(pythons))
        return
    every: list[dict[tuple[str, str], Verdict]] = []
    for network in (one for one in networks() if wanted["only"] in str(one)):
        with tempfile.TemporaryDirectory() as folder:
            every.append(judged(make_files(network, Path(folder), kinds), pythons, Path(folder)))
        for (kind, name), one in every[-1].items():
            print(f"{network}, {kind}, {name}: {one.what} {one.why}, {one.difference:.2g}", flush=True)
    print_matrix(every, list(pythons))


def print_matrix(every: list[dict[tuple[str, str], Verdict]], names: list[str]) -> None:
    """Kinds × runtimes: how many files of all agree, are refused, are wrong, and the largest difference of a probability."""
    table = Table("file", *names)
    for kind in dict.fromkeys(kind for one in every for kind, _ in one):
        cells = []
        for name in names:
            those = [one[kind, name] for one in every]
            counts = [
                f"{sum(one.what == what for one in those)} {what}"
                for what in WHAT
                if any(one.what == what for one in those)
            ]
            worst = max((one.difference for one in those), default=0.0)
            cells.append(f"{', '.join(counts)} of {len(those)}; Δp {worst:.1g}")
        table.add_row(kind, *cells)
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
