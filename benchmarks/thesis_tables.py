"""The first thesis's tables from the rows of `benchmarks.thesis_study`, printed figures beside ours."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import yaml

from benchmarks.checkpoint_rules import intervals, pooled, written
from benchmarks.thesis_grid import FINALISTS, KINDS, LARGE, SIDES, WIDTHS, Point
from metrics.grading import macro_f1
from sweeps.tables.published import PUBLISHED

BEGIN, END = "<!-- rows -->", "<!-- end -->"
Grades = npt.NDArray[np.int64]
FIGURES: dict[str, Callable[[Grades, Grades], float]] = {
    "accuracy": lambda labels, grades: float(np.mean(labels == grades)),
    "off by one": lambda labels, grades: float(np.mean(np.abs(labels - grades) <= 1)),
    "macro F1": macro_f1,
}


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
