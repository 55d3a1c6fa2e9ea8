"""`export/app`: what an app's developer takes beside the file: labels, code that calls it, pictures with their answers, a model card."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from datamodules.base.samples import WholePhoto
from export import flatbuffer
from export.app_metadata import output_names
from export.app_vectors import grid_of, write_vectors
from export.backends import Shape
from export.runtime import FileModel
from metrics.base import TaskMetrics
from metrics.figures import figure_text
from storage.whole_file import write_whole
from sweeps.analysis.recommendation import advised_kind
from sweeps.records.run_record import Record

TEMPLATES = Path(__file__).parent / "app_templates"
"""One general to all tasks for each file of the folder; those whose name begins with `_` are only extended."""
CARD = "README.md"
PARTS = {"val": "the validation set", "test": "the test set"}


def write_app_folder(
    target: Path, record: Record, model_of: Callable[[bytes], FileModel], images: npt.NDArray[np.uint8],
    metadata: Callable[[str], Mapping[str, Any]], metrics: TaskMetrics, templates: Path | None = None,
    photos: Sequence[WholePhoto] = (),
) -> None:  # fmt: skip
    """Writes the folder anew, for the kind of a run's files that is taken where none is named; nothing where there is no such file.

    Args:
        target: the run's `export`, where `<kind>.tflite` lies.
        record: the run's, with the file's entry.
        model_of: bytes → how a file is called.
        images: evaluated pictures `(N, H, W, 3)`, from which the vectors are taken.
        metadata: of a kind's file.
        metrics: by which the card says how good it is.
        templates: the task's own, see `tasks.base.Task.app_templates`.
        photos: evaluated ones that are cut into such pictures, for vectors as well.

    """
    kind = advised_kind(record)
    if kind is None or not (target / f"{kind}.tflite").exists():
        return
    folder, entry, about = target / "app", record["exports"][kind], metadata(kind)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "vectors").mkdir(parents=True)
    data = (target / f"{kind}.tflite").read_bytes()
    model = model_of(data)
    write_vectors(folder / "vectors", f"{kind}.tflite", model, images, photos, grid_of(about))
    write_whole(folder / "labels.txt", "".join(f"{label}\n" for label in about["labels"]))
    outputs = output_names(flatbuffer.unpack(data))
    words = _words(record, kind, model, about, outputs)
    words |= {"figures": _figures(entry, metrics), "photos": len(photos) if about.get("grid") else 0}
    for name, text in rendered(words, templates).items():
        write_whole(folder / name, text)


def rendered(words: Mapping[str, Any], templates: Path | None) -> dict[str, str]:
    """Name → text of each file that the general templates and the task's own make; of one name the task's.

    A template of the task may extend a general one, as `gridlite/<name>.j2`; one that makes nothing is no file. The model card is
    told the `names` of the others. Raises jinja2.TemplateError, which names the template.
    """
    found = {"gridlite": TEMPLATES} | ({} if templates is None else {"task": templates})
    environment = Environment(
        loader=PrefixLoader({name: FileSystemLoader(folder) for name, folder in found.items()}),
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    by_name = {
        path.name.removesuffix(".j2"): f"{place}/{path.name}"
        for place, folder in found.items()
        for path in sorted(folder.glob("[!_]*.j2"))
    }
    card = environment.get_template(by_name.pop(CARD))
    made = {name: environment.get_template(template).render(words) for name, template in by_name.items()}
    there = {name: text for name, text in made.items() if text.strip()}
    return there | {CARD: card.render(dict(words) | {"names": sorted(there)})}


def _words(
    record: Record, kind: str, model: FileModel, about: Mapping[str, Any], outputs: Sequence[str]
) -> dict[str, Any]:
    """What the templates speak of; `outputs` in the order of the file's graph, `about` its metadata."""
    height, width = map(int, about["size"])
    return {
        "file": f"{kind}.tflite", "labels": [str(one) for one in about["labels"]], "height": height, "width": width,
        "outputs": list(outputs), "integer": model.backend.dtype == np.uint8, "about": about, "meaning": about["outputs"],
        "kotlin_arrays": {name: _kotlin_array(model.backend.outputs[name], integer=name in model.backend.steps) for name in outputs},
        "title": f"{record['axes']['backbone']} for {record['axes']['datamodule']}",
        "entry": {"runtime": ""} | dict(record["exports"][kind]), "day": datetime.now(UTC).date().isoformat(),
        "backbone": record["axes"]["backbone"], "width_factor": record["config"]["width"],
        "initial_weights": record["initial_weights"]["origin"], "data": _data(record),
    }  # fmt: skip


def _kotlin_array(shape: Shape, *, integer: bool) -> str:
    """An empty array for an output: `Array(1) { FloatArray(5) }`."""
    *outer, last = shape
    made = f"{'Byte' if integer else 'Float'}Array({last})"
    for side in reversed(outer):
        made = f"Array({side}) {{ {made} }}"
    return made


def _figures(entry: Mapping[str, Any], metrics: TaskMetrics) -> list[str]:
    """The file's own figures beside the constant answer's, what may be expected of it, and why it may be of no use."""
    lines = []
    for part, what in reversed(PARTS.items()):
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
        lines.append(
            f"beside its baseline ({one['answer']}), on {PARTS.get(part, part)}: {verdict}{': ' if gains else ''}{gains}"
        )
    lines.append(f"{100 * float(entry['agreement']):.1f} % of its answers are those of the network it was made of")
    return lines


def _data(record: Record) -> str:
    data = record["data"]
    sources = ", ".join(f"{count} in {part}" for part, count in data.get("sources", {}).items())
    pictures = ", ".join(f"{count} in {part}" for part, count in data.get("images", {}).items())
    return f"`{record['axes']['datamodule']}`, fingerprint {data['fingerprint'][:12]}: pictures {pictures or 'unknown'}; sources {sources or 'unknown'}."
