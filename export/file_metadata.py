"""gridlite's own metadata in a file, whatever its format: what an app needs to know of it."""

from typing import Any

from datamodules.base.samples import Samples
from export.comparison import FileComparison
from sweeps.records.run_record import Record

FORMAT_VERSION = 2
"""Raised when the meaning of the metadata or of the outputs changes; 1 had a grade as int32, and masks as bits."""


def metadata_of(
    record: Record, samples: Samples, checkpoint: str, name: str, torch_says: FileComparison
) -> dict[str, Any]:
    """What is written of a file of that name, as JSON.

    Args:
        record: of the run.
        samples: its data.
        checkpoint: best or last.
        name: of the kind of file.
        torch_says: the run's network on its data.

    """
    config = record["config"]
    resolution = int(config["resolution"])
    height, width = samples.shape(resolution)
    return {
        "format_version": FORMAT_VERSION,
        "task": record["axes"]["task"],
        "labels": record["data"]["class_names"],
        **samples.preprocessing,
        **({"profile": samples.profile} if samples.profile else {}),
        "resolution": resolution,
        "size": [height, width],
        "resize": "area average when both sides shrink, bilinear otherwise",
        "input": "image: RGB 0..255, float32, 1 x height x width x 3",
        "outputs": torch_says.outputs,
        "threshold": config["encoding"].get("threshold"),
        "quantization": name,
        "axes": record["axes"],
        "config_hash": record["config_hash"],
        "width": config["width"],
        "initial_weights": record["initial_weights"]["origin"],
        "checkpoint": checkpoint,
        "versions": record["versions"],
        **torch_says.described,
    }
