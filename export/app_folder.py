"""`export/app`: what an app's developer takes beside the file: labels, code that calls it, pictures with their answers, a model card."""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from export.runtime import FileModel
from metrics.base import TaskMetrics
from metrics.figures import figure_text
from storage.whole_file import write_whole
from sweeps.analysis.recommendation import advised_kind
from sweeps.records.run_record import Record

TEMPLATES = Path(__file__).parent / "app_templates"
NAMES = {
    "litert.py.j2": "litert.py", "mediapipe.py.j2": "mediapipe_tasks.py", "litert.js.j2": "litert.js", "Model.kt.j2": "Model.kt",
    "Model.swift.j2": "Model.swift", "model.cc.j2": "model.cc", "README.md.j2": "README.md",
}  # fmt: skip
BY_MEDIAPIPE = ("grading", "segmentation")
"""Tasks that MediaPipe has as well."""
VECTORS = 20


def write_app_folder(
    target: Path, record: Record, model_of: Callable[[bytes], FileModel], images: npt.NDArray[np.uint8],
    metadata: Callable[[str], Mapping[str, Any]], metrics: TaskMetrics,
) -> None:  # fmt: skip
    """Writes the folder anew, for the kind of a run's files that is taken where none is named; nothing where there is no such file.

    Args:
        target: the run's `export`, where `<kind>.tflite` lies.
        record: the run's, with the file's entry.
        model_of: bytes → how a file is called.
        images: evaluated pictures `(N, H, W, 3)`, from which the vectors are taken.
        metadata: of a kind's file.
        metrics: by which the card says how good it is.

    """
    kind = advised_kind(record)
    if kind is None or not (target / f"{kind}.tflite").exists():
        return
    folder, entry, about = target / "app", record["exports"][kind], metadata(kind)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "vectors").mkdir(parents=True)
    model = model_of((target / f"{kind}.tflite").read_bytes())
    chosen = np.unique(np.linspace(0, len(images) - 1, VECTORS).round().astype(int)) if len(images) else []
    vectors = []
    for place, at in enumerate(chosen):
        name = f"{place:02d}.png"
        Image.fromarray(images[at]).save(folder / "vectors" / name)
        (answers,) = model.named_answers(images[at : at + 1])
        vectors.append({"picture": name} | {output: np.round(value, 6).tolist() for output, value in answers.items()})
    write_whole(
        folder / "vectors" / "vectors.json", json.dumps({"file": f"{kind}.tflite", "answers": vectors}, indent=1)
    )
    write_whole(folder / "labels.txt", "".join(f"{label}\n" for label in about["labels"]))
    words = _words(record, kind, model, about, entry, metrics)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )  # fmt: skip
    for template, name in NAMES.items():
        if name != "mediapipe_tasks.py" or words["has_mediapipe"]:
            write_whole(folder / name, environment.get_template(template).render(words))


def _words(
    record: Record,
    kind: str,
    model: FileModel,
    about: Mapping[str, Any],
    entry: Mapping[str, Any],
    metrics: TaskMetrics,
) -> dict[str, Any]:
    """What the templates speak of."""
    height, width = map(int, about["size"])
    config, task = record["config"], str(about["task"])
    outputs = list(model.backend.outputs)
    shape = f"Array({height}) {{ Array({width}) {{ FloatArray({len(about['labels'])}) }} }}"
    kotlin = {
        "segmentation": f'"probabilities" to Array(1) {{ {shape} }}',
        "regression": '"number" to FloatArray(1)',
    }.get(task, f'"probabilities" to Array(1) {{ FloatArray({len(about["labels"])}) }}')
    return {
        "file": f"{kind}.tflite", "task": task, "labels": [str(one) for one in about["labels"]], "height": height, "width": width,
        "outputs": outputs, "has_grade": "grade" in outputs, "integer": model.backend.dtype == np.uint8, "kotlin_output": kotlin,
        "threshold": about.get("threshold") or 0.5, "thresholds": about.get("thresholds", []), "meaning": about["outputs"],
        "has_mediapipe": task in BY_MEDIAPIPE, "title": f"{record['axes']['backbone']} for {record['axes']['datamodule']}",
        "entry": {"runtime": ""} | dict(entry), "day": datetime.now(UTC).date().isoformat(), "backbone": record["axes"]["backbone"],
        "width_factor": config["width"], "initial_weights": record["initial_weights"]["origin"],
        "figures": _figures(entry, metrics), "data": _data(record),
    }  # fmt: skip


def _figures(entry: Mapping[str, Any], metrics: TaskMetrics) -> list[str]:
    """The file's own figures beside the constant answer's, what may be expected of it, and why it may be of no use."""
    lines = []
    for part, what in (("test", "the test set"), ("val", "the validation set")):
        known = [name for name in metrics.headlines if f"{part}/{name}" in entry]
        if known:
            told = ", ".join(
                f"{metrics.title(f'{part}/{name}')} {figure_text(name, entry[f'{part}/{name}'])}" for name in known
            )
            lines.append(f"on {what}: {told}")
    if "expected" in entry:
        from sweeps.analysis.expected import expected_text

        lines.append(f"to be expected of new data: {expected_text(entry['expected'], metrics)}")
    for part, one in entry.get("against_baseline", {}).items():
        gains = ", ".join(
            f"{metrics.title(name)} {figure_text(name, figure['value'])} against {figure_text(name, figure['baseline'])} "
            f"(gain {figure['gain']:+.3f} [{figure['low']:+.3f}, {figure['high']:+.3f}], 95 % over {one['sources']} sources)"
            for name, figure in one.get("figures", {}).items()
        )
        verdict = {"better": "better", "not better": "not better"}.get(
            one["verdict"], "whether it is better cannot be told"
        )
        lines.append(f"beside its baseline ({one['answer']}), on {part}: {verdict}{': ' if gains else ''}{gains}")
    lines.append(f"{100 * float(entry['agreement']):.1f} % of its answers are those of the network it was made of")
    return lines


def _data(record: Record) -> str:
    data = record["data"]
    sources = ", ".join(f"{count} in {part}" for part, count in data.get("sources", {}).items())
    pictures = ", ".join(f"{count} in {part}" for part, count in data.get("images", {}).items())
    return f"`{record['axes']['datamodule']}`, fingerprint {data['fingerprint'][:12]}: pictures {pictures or 'unknown'}; sources {sources or 'unknown'}."
