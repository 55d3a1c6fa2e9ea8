"""The first thesis's study on rendered phones at half of its sides: `make study-thesis`, rows in thesis_study.csv.

Parkkinen 2020, chapter 5: 27 networks without augmentation; then, of its four finalists, augmentation, imbalance, encoding, files,
and all of it together. Sides are half of the thesis's and schedules 12 epochs, the same for all, so that two cores need hours and not days;
61 rendered phones, 37 to train on; the last epoch, scored on the validation and the test phones, which choose nothing. MobileNet, and MobileNetV2 at width 1, start from ImageNet's weights where paths.weights
has them, all others at random. Finished trainings leave rows and are not trained again; `--docs` writes the tables of
docs/results/thesis.md from the rows alone.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml

from benchmarks.checkpoint_rules import intervals, pooled, written
from benchmarks.finished_rows import append_rows, read_rows
from choices import ROOT
from metrics.grading import macro_f1
from sweeps.records.run_record import Record, find_runs, read_record
from sweeps.tables.published import PUBLISHED

ROWS = Path(__file__).with_suffix(".csv")
PAGE = ROOT / "docs" / "results" / "thesis.md"
BEGIN, END = "<!-- rows -->", "<!-- end -->"
EPOCHS, SEEDS = 12, 1
SETTINGS = [
    "hydra/launcher=side_by_side", "datamodule=synthetic_screens", "batch_size=32", f"trainer.max_epochs={EPOCHS}", "callbacks.keep_best=false",
    "autotune=plain", "logger=none", "export=all", "sweep_name=block",
]  # fmt: skip
WIDTHS, SIDES = (0.5, 0.75, 1.0), (64, 80, 96, 112)
LARGE = {"efficientnet_b0": 112, "efficientnet_b1": 120, "efficientnet_b2": 130}
KINDS = ("float32", "dynamic", "float16", "int8")
Grades = npt.NDArray[np.int64]
FIGURES: dict[str, Callable[[Grades, Grades], float]] = {
    "accuracy": lambda labels, grades: float(np.mean(labels == grades)),
    "off by one": lambda labels, grades: float(np.mean(np.abs(labels - grades) <= 1)),
    "macro F1": macro_f1,
}


@dataclass(frozen=True)
class Point:
    """A training, but for its seed."""

    backbone: str
    width: float
    side: int
    augmentation: str = "none"
    imbalance: str = "none"
    encoding: str = "one_hot"

    @property
    def name(self) -> str:
        """`mobilenet 0.5, 80 px`, the finalist's."""
        return f"{self.backbone} {self.width:g}, {self.side} px"

    def key(self, file: str = "") -> str:
        """What its rows are found by."""
        return ", ".join([self.name, self.augmentation, self.imbalance, self.encoding, *([file] if file else [])])


FINALISTS = (
    Point("mobilenet", 0.5, 80), Point("mobilenet", 0.5, 112), Point("mobilenet", 1.0, 112), Point("efficientnet_b0", 1.0, 112),
)  # fmt: skip
"""Half of 160, 224, 224 and 224 px."""


@dataclass(frozen=True)
class Block:
    """Trainings that one `train.py -m` makes side by side."""

    points: tuple[Point, ...]
    kinds: tuple[str, ...] = ("float32",)

    def words(self) -> list[str]:
        """The grid as it is typed."""
        axes = {
            "backbone": "backbone", "width": "width", "side": "resolution", "augmentation": "augmentation", "imbalance": "imbalance",
            "encoding": "encoding",
        }  # fmt: skip
        return [
            *(
                f"{word}={','.join(dict.fromkeys(f'{getattr(one, name)}' for one in self.points))}"
                for name, word in axes.items()
            ),
            f"quantization=[{','.join(self.kinds)}]",
        ]


def blocks() -> Iterator[Block]:
    """In the order in which they are trained: what costs least first."""
    yield from (Block(tuple(Point("mobilenet", width, side) for width in WIDTHS)) for side in SIDES)
    heavy = [replace(one, augmentation="heavy") for one in FINALISTS]
    yield Block((FINALISTS[3],))
    for plain, one in zip(FINALISTS, heavy, strict=True):
        ordinal = replace(one, encoding="ordinal")
        yield Block((replace(plain, augmentation="light"), one))
        yield Block(tuple(replace(one, imbalance=name) for name in ("oversampling", "class_weights")))
        yield Block((ordinal, replace(ordinal, imbalance="class_weights")), KINDS)
    yield from (Block(tuple(Point("mobilenetv2", width, side) for width in WIDTHS)) for side in SIDES)
    yield from (Block((Point(name, 1.0, LARGE[name]),)) for name in ("efficientnet_b1", "efficientnet_b2"))


def point_of(record: Record) -> Point:
    """The one that a record is of."""
    config, chosen = record["config"], record["axes"]
    return Point(
        chosen["backbone"], float(config["width"]), int(config["resolution"]), chosen["augmentation"], chosen["imbalance"],
        chosen["encoding"],
    )  # fmt: skip


def rows_of(folder: Path, seed: int) -> list[dict[str, str]]:
    """What a finished training and its files answered on phones that were not trained on; the last epoch ships, nothing is chosen on them."""
    record = read_record(folder)
    point = point_of(record)
    told = {
        "seed": str(seed), "start": record["initial_weights"]["origin"], "seconds": f"{record['seconds']['fit']:.0f}",
        "ten_best": f"{record['metrics']['val/accuracy_top10_mean']:.4f}",
    }  # fmt: skip
    answers = pd.read_parquet(folder / "predictions.parquet")
    rows = [
        {
            "rule": point.key(),
            "fold": "0",
            **told,
            "ms": "",
            "kb": "",
            **_answers(answers[answers.checkpoint == "last"]),
        }
    ]
    files = pd.read_parquet(folder / "export" / "predictions.parquet")
    for kind, entry in record["exports"].items():
        timed = {"ms": f"{entry['latency'][0]['latency_ms_p50']:.3f}", "kb": f"{entry['size_bytes'] / 1024:.0f}"}
        rows.append({"rule": point.key(kind), "fold": "0", **told, **timed, **_answers(files[files.file == kind])})
    return rows


def _answers(answers: pd.DataFrame) -> dict[str, str]:
    found = answers[answers.part.isin(["val", "test"])].sort_values(["source_id", "sample"], kind="stable")
    return {
        "per_source": "+".join(map(str, found.source_id.value_counts().sort_index())),
        "labels": "".join(map(str, found.label)), "grades": "".join(map(str, found.grade)),
    }  # fmt: skip


def train(block: Block, seed: int, place: Path, more: list[str]) -> list[dict[str, str]]:
    """The trainings of a block, those of an interrupted call not again; their rows."""
    words = [*SETTINGS, *block.words(), f"seed={seed}", *more, f"paths.runs={place}"]
    subprocess.run([sys.executable, "train.py", "-m", *words], check=True, stdout=subprocess.DEVNULL)
    rows = [row for folder in find_runs(place / "block") for row in rows_of(folder, seed)]
    shutil.rmtree(place / "block")
    return rows


def missing(rows: list[dict[str, str]]) -> list[tuple[Block, int]]:
    """The blocks that lack a training, by seed."""
    there = {(row["rule"], int(row["seed"])) for row in rows}
    return [
        (block, seed) for seed in range(SEEDS) for block in blocks()
        if not all((one.key(block.kinds[-1]), seed) in there for one in block.points)
    ]  # fmt: skip


Found = Mapping[str, Mapping[int, tuple[Grades, Grades, Grades]]]


class Tables:
    """The thesis's tables, printed figures beside those of the rows."""

    def __init__(self, rows: list[dict[str, str]]) -> None:
        self.found: Found = pooled(rows)
        self.rows = {row["rule"]: row for row in rows}
        (screens,) = (
            one for one in yaml.safe_load(PUBLISHED.read_text())["documents"] if one["source"].startswith("Parkkinen")
        )
        self.printed = {(one["table"], one["figure"]): one["printed"] for one in screens["tables"]}

    def figure(self, name: str, key: str) -> str:
        """In percent with its interval over phones; empty where nothing is trained yet."""
        if key not in self.found:
            return ""
        mean, low, high = (100 * value for value in intervals(self.found[key], of={name: FIGURES[name]})[name])
        return f"{mean:.1f} [{low:.1f}, {high:.1f}]"

    def noted(self, column: str, key: str) -> str:
        """A number of the row as it stands."""
        return self.rows[key][column] if key in self.rows else ""

    def grid(
        self, title: str, names: list[str], points: list[list[str]], printed: list[list[float | str]], ours: Callable[[str], str]
    ) -> str:  # fmt: skip
        """A markdown table: a row per network, and in each cell ours and, in italics, what is printed."""
        lines = [f"**{title}**", "", f"| | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
        for (head, *keys), values in zip(points, printed, strict=True):
            random = any(self.noted("start", key) == "random" for key in keys)
            cells = (f"{ours(key) or '–'} *{value}*" for value, key in zip(values, keys, strict=True))
            lines.append(f"| {head}{', random start' if random else ''} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def text(self) -> str:
        """All of them."""
        stage1 = [[f"width {width}", *(Point("mobilenet", width, side).key() for side in SIDES)] for width in WIDTHS]
        second = [[f"width {width}", *(Point("mobilenetv2", width, side).key() for side in SIDES)] for width in WIDTHS]
        sides = [f"{2 * side} ({side}) px" for side in SIDES]
        heavy = [replace(one, augmentation="heavy") for one in FINALISTS]
        ordinal = [replace(one, encoding="ordinal") for one in heavy]

        def varied(points: list[Point], **values: list[str]) -> list[list[str]]:
            ((name, several),) = values.items()
            return [[one.name, *(replace(one, **{name: value}).key() for value in several)] for one in points]  # type: ignore[arg-type]

        imbalance, levels = ["none", "oversampling", "class_weights"], ["none", "light", "heavy"]
        files = [[one.name, *(one.key(kind) for kind in KINDS)] for one in ordinal]
        float32 = [[head, *(f"{key}, float32" for key in keys)] for head, *keys in stage1]
        large = [[f"{name}, {side} px", Point(name, 1.0, side).key()] for name, side in LARGE.items()]
        together = [replace(one, imbalance="class_weights") for one in ordinal]
        last = [
            [one.name, one.key(kind)] for one, kind in zip(together, ("int8", "int8", "int8", "float16"), strict=True)
        ]

        def accuracy(key: str) -> str:
            return self.figure("accuracy", key)

        of = self.printed
        return "\n\n".join([
            self.grid("5.1: MobileNet, accuracy", sides, stage1, of["5.1", "accuracy"], accuracy),
            self.grid("5.2: MobileNet, ms of the float32 file", sides, float32, of["5.2", "latency"], lambda key: self.noted("ms", key)),
            self.grid("MobileNetV2, accuracy (printed: 60 to 65 for all of them)", sides, second, [["60 to 65"] * 4] * 3, accuracy),
            self.grid("5.3: EfficientNet, accuracy", ["own side"], large, of["5.3", "accuracy"], accuracy),
            self.grid("5.4: accuracy by augmentation", levels, varied(list(FINALISTS), augmentation=levels), of["5.4", "accuracy"], accuracy),
            self.grid("5.7: accuracy by imbalance", imbalance, varied(heavy, imbalance=imbalance), of["5.7", "accuracy"], accuracy),
            self.grid("5.8: macro F1 by imbalance, percent", imbalance, varied(heavy, imbalance=imbalance), of["5.8", "macro_f1"],
                      lambda key: self.figure("macro F1", key)),
            self.grid("5.9: accuracy by encoding", ["one_hot", "ordinal"], varied(heavy, encoding=["one_hot", "ordinal"]), of["5.9", "accuracy"], accuracy),
            self.grid("5.10: off-by-one accuracy by encoding", ["one_hot", "ordinal"], varied(heavy, encoding=["one_hot", "ordinal"]),
                      of["5.10", "off_by_one"], lambda key: self.figure("off by one", key)),
            self.grid("5.11: accuracy of the files", list(KINDS), files, of["5.11", "file_accuracy"], accuracy),
            self.grid("5.12: ms of the files", list(KINDS), files, of["5.12", "latency"], lambda key: self.noted("ms", key)),
            self.grid("5.13: KiB of the files", list(KINDS), files, of["5.13", "size"], lambda key: self.noted("kb", key)),
            self.grid("5.14: all together, accuracy of the files", ["int8, EfficientNet float16"], last, of["5.14", "file_accuracy"], accuracy),
            self.grid("5.14: off-by-one accuracy of these", ["int8, EfficientNet float16"], last, of["5.14", "file_off_by_one"],
                      lambda key: self.figure("off by one", key)),
            self.grid("5.14: macro F1 of these, percent", ["int8, EfficientNet float16"], last, of["5.14", "file_macro_f1"],
                      lambda key: self.figure("macro F1", key)),
            self.differences(list(FINALISTS), heavy),
        ])  # fmt: skip

    def differences(self, plain: list[Point], heavy: list[Point]) -> str:
        """What each choice changes, paired on the same phones."""
        pairs = [
            *((f"heavy less none, {one.name}", other.key(), one.key(), "accuracy") for one, other in zip(plain, heavy, strict=True)),
            *((f"oversampling less none, {one.name}", replace(one, imbalance="oversampling").key(), one.key(), "macro F1") for one in heavy),
            *((f"class weights less none, {one.name}", replace(one, imbalance="class_weights").key(), one.key(), "macro F1") for one in heavy),
            *((f"ordinal less one-hot, {one.name}", replace(one, encoding="ordinal").key(), one.key(), "off by one") for one in heavy),
        ]  # fmt: skip
        lines = ["**Differences, paired on the same phones**", "", "| | figure | difference |", "|---|---|---|"]
        for title, one, other, name in pairs:
            if one in self.found and other in self.found:
                found = intervals(self.found[one], self.found[other], of={name: FIGURES[name]})[name]
                lines.append(f"| {title} | {name} | {written(found, sign=True)} |")
        return "\n".join(lines)


def with_tables(page: str, rows: list[dict[str, str]]) -> str:
    """The page with its tables made anew."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{Tables(rows).text()}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Goes on with the trainings that are missing; then writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/thesis_study"), help="where trainings leave files")
    parser.add_argument("--most", type=int, default=1000, help="blocks of this call")
    parser.add_argument("--docs", action="store_true", help=f"write the tables of {PAGE.relative_to(ROOT)} and end")
    parser.add_argument("more", nargs="*", help="settings of every training, such as paths.weights=<folder>")
    given = parser.parse_args()
    for block, seed in missing(read_rows(ROWS))[: 0 if given.docs else given.most]:
        print(f"seed {seed}: {'; '.join(one.key() for one in block.points)}", file=sys.stderr)
        append_rows(ROWS, train(block, seed, given.runs.resolve(), given.more))
    PAGE.write_text(with_tables(PAGE.read_text(), read_rows(ROWS)))
    print(f"{sum(not row['ms'] for row in read_rows(ROWS))} trainings: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
