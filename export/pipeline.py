"""One trained run → its files, each checked against torch, scored and timed, and entered in the run's record."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from datamodules.base.samples import Samples
from export.app_folder import write_app_folder
from export.app_vectors import PHOTOS
from export.asking import ASK, Promise
from export.bound import Bound
from export.check import Check, all_ready, checked, names
from export.comparison import FileComparison
from export.convert import to_float32, to_onnx
from export.deployable import Deployable, deployable
from export.file_metadata import metadata_of
from export.flatbuffer import is_tflite
from export.float_file import FloatFile
from export.formats.base import Format, Quantization
from export.latency.result import Entry, merged, timed
from export.made_files import earlier_predictions
from export.measuring import Measuring
from export.quantization_aware import tuned_for_int8
from lightning_modules.base import TaskModule
from metrics.against_baseline import by_part
from metrics.base import TaskMetrics
from storage.whole_file import replaced, write_whole
from sweeps.records.run_record import Record, one_line, update_record

Latency = Callable[[bytes], Iterable[Entry]]

PARITY = 1e-4
"""Largest difference of a probability, or of a number as a share of its range, that float32 may have from torch."""
LEAST_AGREEMENT = 0.98
"""Of its answers with torch's."""


UNSCORED = "unscored_files"
"""Where a record has the files that nothing here runs, apart from its `exports`, which are what tables say."""


class ExportError(ValueError):
    """A run that cannot be exported; the message says why."""


@dataclass(frozen=True)
class Export:
    """The settings of one export and what it works on.

    Attributes:
        folder: the run's.
        module: trained, with its checkpoint loaded.
        samples: the run's data, divided as it was for training.
        training_data: loaders as the run had them.
        comparison: how the run's task holds a file against torch.
        metrics: how its answers are judged.
        promise: of a network that was trained on all data, what a kind of file may be expected to give (`sweeps.analysis.expected`).
        held_out: of such a network, its folds' answers by a kind of file (`formats.base.HeldOut`).
        ask: how a file says which grades to leave to a person, where it does.
        max_accuracy_drop: a file that loses more than this against torch, on any part, is marked; int8 with `float_layers=auto` or
            `mixed` keeps it on the validation set.
        app_templates: the task's own, of the files beside `export/app`'s.
        settings: kind → a digest of what it is made by, for its entry.

    """

    folder: Path
    module: TaskModule
    record: Record
    samples: Samples
    checkpoint: str
    comparison: type[FileComparison]
    metrics: TaskMetrics
    max_accuracy_drop: float
    formats: Mapping[str, Format]
    quantizations: Mapping[str, Quantization]
    latencies: Mapping[str, Latency]
    checks: Mapping[str, Check]
    training_data: Callable[[], Any]
    promise: Callable[[str], dict[str, Any]] | None = None
    held_out: Callable[[str], tuple[pd.DataFrame, str]] | None = None
    ask: Promise | None = None
    app_templates: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def resolution(self) -> int:
        """Pixels, of the shorter side."""
        return int(self.record["config"]["resolution"])

    @property
    def target(self) -> Path:
        """Where the files lie."""
        return self.folder / "export"

    def run(self) -> dict[str, Any]:
        """Makes, checks, scores and times every file; returns what the record now says under `exports`.

        A kind that cannot be made is entered with its error while the others are made. Raises ExportError when the
        float32 file does not agree with torch, and CheckError where a check cannot be made here: nothing is entered then.
        """
        all_ready(self.checks)
        self.target.mkdir(parents=True, exist_ok=True)
        wanted = [(f, *one) for f in self.formats.values() for one in f.kinds(self.quantizations).items()]
        with tqdm(total=2 + len(wanted), unit="file", leave=False, disable=None) as bar:
            bar.set_description("torch")
            torch_says = self.comparison.by(self.module, self.samples, self.resolution)
            bar.update()
            bar.set_description("float32 from ONNX")
            source = self.convert(torch_says)
            bar.update()
            entries: dict[str, dict[str, Any]] = {}
            frames: list[pd.DataFrame | None] = []
            for form, name, quantization in wanted:
                bar.set_description(name)
                entries[name], frame = self.make(form, name, quantization, source, torch_says)
                frames.append(frame)
                bar.update()
        frames.append(earlier_predictions(self.target, self.record, entries))
        whole = pd.concat([frame for frame in frames if frame is not None] or [pd.DataFrame()])
        with replaced(self.target / "predictions.parquet") as file:
            whole.to_parquet(file, index=False)

        unscored = {name: entries.pop(name) for name in list(entries) if "unscored" in entries[name]}

        def entered(old: Record) -> Record:
            """Timings, scores and checks of a file that came out the same stay, those of phones above all."""
            known = old.get("exports", {})
            for name, entry in entries.items():
                before = known.get(name, {})
                if "path" in entry and before.get("sha256") == entry["sha256"]:
                    entry["latency"] = merged(before.get("latency", []), entry["latency"])
                    entry["scores"] = before.get("scores", [])
                    entry |= {check: before[check] for check in names() if check in before and check not in entry}
            kept = {key: value for key, value in old.items() if key not in ("later_error", UNSCORED)}
            written = old.get(UNSCORED, {}) | unscored
            return kept | {"exports": known | entries} | ({UNSCORED: written} if written else {})

        updated = update_record(self.folder, entered)
        about = partial(self.described, torch_says=torch_says)
        write_app_folder(
            self.target, updated, torch_says.model, torch_says.images, about, self.metrics, self.app_templates,
            self.samples.whole_photos(PHOTOS),
        )  # fmt: skip
        return entries

    def convert(self, torch_says: FileComparison) -> FloatFile:
        """Writes model.onnx and gives the float32 file, held against torch."""
        onnx_model = self.onnx(self.module)
        write_whole(self.target / "model.onnx", onnx_model)
        data = to_float32(onnx_model)
        few, wanted = torch_says.few
        worst = (
            float(np.abs(torch_says.model(data).probabilities(torch_says.images[few]) - wanted).max()) / torch_says.span
        )
        if not worst <= PARITY:
            raise ExportError(
                f"{self.folder}: the converted float32 file differs from torch by {worst:.2g} in {torch_says.measured}, "
                f"more than {PARITY:g}"
            )
        images = self.calibration_images
        measuring = Measuring(self.module, self.samples, self.resolution, torch_says, images)
        bound = Bound.of(torch_says, self.metrics, self.max_accuracy_drop)
        return FloatFile(data, images, torch_says.model, onnx_model, self.shipped, self.retrain, measuring, bound)

    def shipped(self) -> Deployable:
        """The network as it ships, for the size that the data has."""
        return deployable(self.module, self.samples.shape(self.resolution), self.comparison.answer)

    def onnx(self, module: TaskModule) -> bytes:
        """A network of the run as it would ship."""
        height, width = self.samples.shape(self.resolution)
        shipped = deployable(module, (height, width), self.comparison.answer)
        return to_onnx(shipped, (height, width), shipped.outputs)

    def retrain(self, epochs: int, lr: float) -> FloatFile:
        """The float32 file of the network tuned under int8's rounding, for the same calibration part."""
        tuned = tuned_for_int8(self.module, self.training_data().train_dataloader(), epochs, lr)
        return FloatFile(to_float32(self.onnx(tuned)), self.calibration_images, self.comparison.model)

    @property
    def calibration_images(self) -> npt.NDArray[np.uint8]:
        """`(n, H, W, 3)`, in an order in which any leading slice is spread as well."""
        calibration = np.flatnonzero(self.samples.table.calibration.to_numpy())
        images = self.samples.images(self.resolution)[np.random.default_rng(0).permutation(calibration)]
        return np.asarray(images)

    def make(
        self, form: Format, name: str, quantization: Quantization, source: FloatFile, torch_says: FileComparison
    ) -> tuple[dict[str, Any], pd.DataFrame | None]:
        """One file: its entry in the record and its predictions, None where nothing here runs it."""
        about = self.described(name, torch_says)
        source.notes.clear()
        try:
            made = quantization(source)
            data = form.finish(made, json.dumps(about).encode())
            if form.opened is None:
                return self.written(form, name, data) | {"unscored": "no runtime of it here: not verified"}, None
            model = torch_says.model(data, opened=form.opened)
        except ValueError as error:
            return {"error": one_line(error)}, None
        figures, answers = torch_says.judge(model, self.metrics, most_lost=self.max_accuracy_drop)
        if (made is source.data or made is source.onnx) and figures["agreement"] < LEAST_AGREEMENT:
            raise ExportError(
                f"{self.folder}: the converted float32 file answers {100 * figures['agreement']:.1f} % as torch does; want "
                f"{100 * LEAST_AGREEMENT:g} %"
            )
        scored: dict[str, Any] = {"against_baseline": by_part(answers, self.record.get("baseline", {}), self.metrics)}
        if self.promise is not None:
            figures = self.agreement_alone(figures)
            scored = {"expected": self.promise(name)}
        figures = source.measuring.figures(figures, answers) if source.measuring else figures
        scored |= ({} if self.ask is None else {ASK: self.ask(name, answers)}) | form.says(
            answers, self.held_out and partial(self.held_out, name)
        )
        data = form.finish(made, json.dumps(about | self.figures_of(figures) | scored).encode())
        entry = {
            **self.written(form, name, data),
            **source.notes,
            "described": torch_says.described,
            **figures,
            **scored,
            **checked(data, self.checks if is_tflite(data) else {}, torch_says, self.metrics),
            "latency": timed(data, self.latencies),
        }
        return entry, answers.assign(file=name)

    def written(self, form: Format, name: str, data: bytes) -> dict[str, Any]:
        """Writes a file; what its entry says of its bytes."""
        path = self.target / form.file_name(name)
        write_whole(path, data)
        return {
            "path": str(path.relative_to(self.folder)),
            "size_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "checkpoint": self.checkpoint,
            "settings": self.settings.get(name, ""),
            **form.facts(data),
        }

    def described(self, name: str, torch_says: FileComparison) -> dict[str, Any]:
        """The metadata of a kind of file."""
        return metadata_of(self.record, self.samples, self.checkpoint, name, torch_says)

    def figures_of(self, figures: Mapping[str, Any]) -> dict[str, Any]:
        """What the file itself says of its answers to the validation set, and to a test set."""
        names = [f"{part}/{name}" for part in ("val", "test") for name in self.metrics.file_columns]
        return {"figures": {name: figures[name] for name in names if name in figures}}

    def agreement_alone(self, figures: Mapping[str, Any]) -> dict[str, Any]:
        """Figures without those of the training set, which flatter; a file is marked by how often it answers unlike torch."""
        unlike = 1 - figures["agreement"]
        words = f"answers {100 * unlike:.1f} % unlike torch" if unlike > self.max_accuracy_drop else ""
        own = {name: value for name, value in figures.items() if not name.startswith("train/")}
        return own | {"marked": words}
