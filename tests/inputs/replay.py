"""What replays bad inputs: a drawn set of each kind, trained runs, and cases that spoil a copy and say what the answer must name."""

import csv
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from sweeps.records.run_record import find_runs
from tests.commands.test_distillation_path import draw_digits
from tests.datamodules.masks.test_mask_samples import draw_steel
from tests.drawn import draw_screens
from tests.labelled import draw_labelled
from tests.numbered import draw_bars
from tests.sweeps.made import add_run
from tests.warm import run_warm

CELLS = [
    "backbone=mobilenet", "width=0.25", "resolution=32", "batch_size=8", "backbone.weights=none", "trainer.max_epochs=1",
    "autotune=plain", "augmentation=none", "logger=none",
]  # fmt: skip
MASKS = [
    "task=segmentation", "encoding=bce", "backbone=mobilenet", "width=0.25", "resolution=32", "batch_size=8", "backbone.weights=none",
    "trainer.max_epochs=1", "autotune=plain", "logger=none", "task.decoder_channels=[16,8,8,8,8]",
]  # fmt: skip
TRAINED = {
    "phone_photos": [*CELLS, "datamodule=phone_photos", "datamodule.folds=3", "datamodule.cell_px=32"],
    "image_folder": [*CELLS, "datamodule=image_folder", "datamodule.folds=3", "datamodule.val_folds=2"],
    "image_numbers": [*CELLS, "task=regression", "encoding=l1", "datamodule=image_numbers"],
    "image_labels": [*CELLS, "task=multilabel", "datamodule=image_labels"],
    "mnist": ["backbone=thin_28", "trainer.max_epochs=1", "batch_size=64", "backbone.weights=none", "autotune=plain", "augmentation=none",
              "logger=none", "datamodule=mnist", "datamodule.held_out=50"],
    "severstal": [*MASKS, "datamodule=severstal", "datamodule.test_images=0", "datamodule.folds=4", "datamodule.val_folds=3"],
    "neu_seg": [*MASKS, "datamodule=neu_seg"],
}  # fmt: skip
"""Words of a quick training on the drawn set of each name."""


TRAINED_FIRST = ("predict", "export", "cache", "station", "web", "annotation", "export.latency")
"""Groups of cases that begin with a training."""


@dataclass(frozen=True)
class Asked:
    """A command and what becomes of it."""

    words: list[object]
    named: tuple[str, ...] = ()
    """What the error line, or for code 0 the output, has to say."""
    code: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Case:
    """A kind of bad input; `make` draws one and its valid neighbour."""

    group: str
    kind: str
    make: Callable[["Trial"], tuple[Asked, Asked | None]]


CASES: list[Case] = []


def case(group: str, kind: str):
    """Makes a case of a function of a trial."""

    def add(make):
        CASES.append(Case(group, kind, make))
        return make

    return add


def spoilt(name, kind, *words):
    """A case of a training on a copy of a drawn set, which `spoil(trial, folder)` changes; it answers with what has to be named."""

    def add(spoil):
        def make(trial):
            folder = trial.given(name)
            named = spoil(trial, folder)
            return Asked(trial.train(name, *words, root=folder), named), Asked(
                trial.train(name, *words, "sweep_name=whole"), code=(0,)
            )

        return case(name, kind)(make)

    return add


class Place:
    """Sets that are drawn, and runs that are trained, when they are first asked for."""

    def __init__(self, root):
        self.root = root

    def set_of(self, name):
        """The drawn set's folder."""
        folder = self.root / name
        if not folder.exists():
            DRAW[name](folder)
        return folder

    def ready(self, group):
        """Draws what the cases of a group start from."""
        if group in DRAW:
            self.set_of(group)

    def run_of(self, name):
        """A trained run with a float32 file."""
        sweep = self.root / "runs" / name
        if not find_runs(sweep):
            words = [*TRAINED[name], f"datamodule.root={self.set_of(name)}", f"paths.runs={self.root}/runs", f"paths.cache={self.root}/cache"]  # fmt: skip
            done = run_warm("train.py", *words, f"sweep_name={name}", "export.enabled=true", "quantization=float32", "latency.host.runs=3", env=ENV)  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        (folder,) = find_runs(sweep)
        return folder


class Trial:
    """One case's drawn values and its folder."""

    def __init__(self, place, folder, rng):
        self.place, self.folder, self.rng = place, folder, rng

    def word(self):
        """A text that stands nowhere else."""
        return "".join(self.rng.choices("ghkqvwz", k=9))

    def whole(self, low, high):
        """A whole number of a range."""
        return self.rng.randrange(low, high)

    def given(self, name, copy="given"):
        """A copy of a drawn set."""
        return shutil.copytree(self.place.set_of(name), self.folder / copy, dirs_exist_ok=True)

    def train(self, name, *words, root=None):
        """A quick training on a drawn set, or on another folder of its kind."""
        paths = [
            f"datamodule.root={root or self.place.set_of(name)}",
            f"paths.runs={self.folder}/runs",
            f"paths.cache={self.folder}/cache",
        ]
        return ["train.py", *TRAINED[name], *paths, *words]

    def run(self, name="phone_photos"):
        """A copy of a trained run, the only one of its sweep."""
        run = self.place.run_of(name)
        return shutil.copytree(run, self.folder / "sweep" / run.name, dirs_exist_ok=True)

    @cached_property
    def two(self):
        """A sweep of two runs: its folder, the run to spoil, and the other's name."""
        sweep = self.folder / "sweep"
        return sweep, add_run(sweep, 0.7, seed=0), add_run(sweep, 0.8, seed=1).name


ENV = {"OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}


def changed(path, change):
    """Applies a function to a file's JSON."""
    read = json.loads(path.read_text())
    change(read)
    path.write_text(json.dumps(read))


def replaced(path, old, new):
    """Puts a text in place of another in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def draw_pictures(root, classes=("daisy", "rose", "tulip"), count=9):
    """A folder per class of coloured noise."""
    rng = np.random.default_rng(0)
    for at, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(count):
            picture = rng.integers(0, 90, (48, 48, 3), np.uint8)
            picture[..., at % 3] += 120
            cv2.imwrite(str(root / name / f"{name}{number}.png"), picture)


def draw_neu(root, count=24):
    """`neu_seg.zip` with images and masks, lists beside it."""
    rng = np.random.default_rng(0)
    (root / "splits").mkdir(parents=True)
    names = [f"{number:06}" for number in range(count)]
    with zipfile.ZipFile(root / "neu_seg.zip", "w") as archive:
        for number, name in enumerate(names):
            mask = np.zeros((64, 64), np.uint8)
            mask[number : number + 20, 5:30] = number % 4
            picture = rng.integers(40, 200, (64, 64, 3), np.uint8) // 2 + 25 * mask[..., None]
            archive.writestr(f"images/{name}.jpg", cv2.imencode(".jpg", picture)[1].tobytes())
            archive.writestr(f"masks/{name}.png", cv2.imencode(".png", mask)[1].tobytes())
    for part, chosen in (("train", names[:14]), ("val", names[14:19]), ("test", names[19:])):
        (root / "splits" / f"{part}.txt").write_text("\n".join(chosen) + "\n")


DRAW = {
    "phone_photos": draw_screens,
    "image_folder": draw_pictures,
    "image_numbers": lambda root: draw_bars(root, count=40, side=32),
    "image_labels": lambda root: draw_labelled(root, count=40, side=32),
    "mnist": lambda root: draw_digits(root, train=300, test=60),
    "severstal": lambda root: draw_steel(root, count=24, width=64, height=32),
    "neu_seg": draw_neu,
}


def rows_of(path):
    """A csv's lines as lists."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


def write_rows(path, rows):
    """A csv of lists."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def faults_of(asked, done):
    """What is wrong with a command's answer, in words; empty where nothing is."""
    said = done.stdout + done.stderr
    if "Traceback" in said:
        return f"traceback: {said.strip().splitlines()[-1]}"
    if done.returncode not in asked.code:
        return f"exit code {done.returncode}: {said.strip()[-400:]}"
    lines = [line for line in done.stderr.splitlines() if "error: " in line]
    if done.returncode and len(lines) != 1:
        return f"{len(lines)} error lines: {done.stderr[-400:]}"
    told = lines[0] if done.returncode else " ".join(said.split())
    missing = [one for one in asked.named if one not in told]
    return f"does not say {missing}: {told[:500]}" if missing else ""


def rng_of(seed, name):
    """A generator for a case, the same for a seed."""
    return random.Random(f"{seed} {name}")
