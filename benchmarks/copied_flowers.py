"""What copies on both sides of a split promise: `python -m benchmarks.copied_flowers folder=<flowers> [settings of the trainings]`.

Of the folder's pictures, a folder of one class each, half is turned into what public data sets often are: each picture with its quarter-turned, its
mirrored and its turned and mirrored copy, file by file dealt out to train and test. The same network is trained as if
nobody had looked for copies, with what gridlite makes of these parts, and on parts of its own (`datamodule.use_parts=false`). Each says what its test set gives; the other half
of the pictures, which has no copies and which none of them saw, says what is true.
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.words import given_words
from sweeps.records.run_record import find_runs, read_record

SEEDS = (0,)
SETTINGS = [
    "datamodule=image_folder", "backbone=mobilenet", "width=0.5", "resolution=96", "trainer.max_epochs=12",
    "backbone.weights=imagenet", "autotune=plain", "logger=none",
]  # fmt: skip
COPIES = {"": (), "_turned": (Image.Transpose.ROTATE_90,), "_mirrored": (Image.Transpose.FLIP_LEFT_RIGHT,),
          "_both": (Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT)}  # fmt: skip
UNSEEN = (
    "import runpy, numpy, datamodules.images.index as index; "
    "index.duplicate_groups = lambda looks, *_: numpy.arange(len(looks)); "
    "runpy.run_path('train.py', run_name='__main__')"
)
"""Trains as if no copy were ever found."""
DIVISIONS = {
    "nobody looks for copies": (["-c", UNSEEN], []),
    "parts as the folders say, copies of test pictures left out of training": (["train.py"], []),
    "parts of our own, copies together": (["train.py"], ["datamodule.use_parts=false"]),
}


def lay_out(folder: Path, place: Path) -> tuple[Path, Path]:
    """The set with copies, in train and test, and the pictures that are kept apart."""
    rng = np.random.default_rng(0)
    copied, apart = place / "copied", place / "apart"
    for number, file in enumerate(sorted(folder.rglob("*.jpg"))):
        label, picture = file.parent.name, Image.open(file).convert("RGB")
        if number % 2:
            (apart / label).mkdir(parents=True, exist_ok=True)
            picture.save(apart / label / f"{number}.jpg", quality=92)
            continue
        for name, changes in COPIES.items():
            own = picture
            for change in changes:
                own = own.transpose(change)
            to = copied / ("test" if rng.random() < 0.2 else "train") / label
            to.mkdir(parents=True, exist_ok=True)
            own.save(to / f"{number}{name}.jpg", quality=92)
    return copied, apart


def main() -> None:
    """Prints a line per training."""
    given = given_words(__doc__, "folder")
    folder = given.pop("folder")
    words = [*SETTINGS, *(f"{name}={value}" for name, value in given.items())]
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        copied, apart = lay_out(Path(folder), place)
        for seed in SEEDS:
            for number, (name, (program, division)) in enumerate(DIVISIONS.items()):
                runs = place / f"seed{seed}-{number}"
                line = [sys.executable, *program, *words, *division, f"datamodule.root={copied}", f"seed={seed}",
                        f"paths.runs={runs}", f"paths.cache={place / str(number)}", "sweep_name=one"]  # fmt: skip
                subprocess.run(line, check=True, capture_output=True)
                (run,) = find_runs(runs / "one")
                answers = place / "answers.csv"
                line = [sys.executable, "predict.py", f"run={run}", f"input={apart}", f"output={answers}"]
                subprocess.run(line, check=True, capture_output=True)
                with answers.open(newline="") as file:
                    right = [row["grade_name"] == Path(row["file"]).parent.name for row in csv.DictReader(file)]
                promised = read_record(run)["metrics"]["test/accuracy"]
                print(
                    f"seed {seed}, {name}: test set {promised:.3f}, {len(right)} pictures apart {np.mean(right):.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
