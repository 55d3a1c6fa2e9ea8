"""`export/app` of a small network of each task, as an export writes it."""

import json
from functools import cache

import numpy as np
import torch

from choices import read_choice
from datamodules.base.samples import WholePhoto
from export.app_folder import write_app_folder
from export.convert import to_float32, to_onnx
from export.deployable import deployable
from export.formats.tflite import TFLite
from lightning_modules.backbones.spec import InitialWeights
from metrics.lookup import metrics_of
from tasks.base import task_named
from tests.contracts.test_configs import composed, spec_of
from tests.export.made import converted, pictures, random_module
from tests.export.test_mask_files import files_of
from training.build import build_module

GRADES = ["none", "minor scratch", "major scratch", "minor crack", "major crack"]
LABELS = {"grading": GRADES, "regression": ["low", "high"]}
SIDE = 64
GRID = {"columns": 3, "rows": 5, "cell_px": 80}
"""By which photographed phones are cut."""


@cache
def file_of(task):
    """A float32 file that answers unlike to unlike pictures, without metadata."""
    if task == "grading":
        return converted(random_module("mobilenet", width=0.25, encoding="ordinal"), SIDE)[1]
    if task == "segmentation":
        return files_of("plain_unet", (SIDE, SIDE))[2]
    torch.manual_seed(0)
    cfg = composed(f"task={task}", "backbone=mobilenet", f"encoding={'l1' if task == 'regression' else 'bce'}")
    cfg.width, spec = 0.25, spec_of("mobilenet")
    module = build_module(cfg, InitialWeights("random", spec.padding, spec.mean, spec.std), 3)
    images = torch.from_numpy(pictures(16, SIDE)).permute(0, 3, 1, 2)
    module.train()
    with torch.no_grad():
        for _ in range(12):
            module(images)
        module.network.linear.weight.div_(module.eval()(images).std())
    model = deployable(module, (SIDE, SIDE), task_named(task).file_comparison.answer)
    return to_float32(to_onnx(model, (SIDE, SIDE), model.outputs))


def made(target, task, *, kind="float32", data=None, templates=None, photos=(), **about):
    """The folder, below `target`, which must not be there.

    Args:
        kind, data: the file's; None takes `file_of`.
        templates: instead of the task's own.
        photos: as `write_app_folder` has them.
        about: more of the file's metadata.

    """
    data, labels = data or file_of(task), LABELS.get(task, ["crack", "dent", "scratch"])
    told = {
        "task": task, "labels": labels, "size": [SIDE, SIDE], "resolution": SIDE, "axes": {}, "outputs": "answers",
        "threshold": 0.5, "thresholds": [0.4, 0.5, 0.6], **about,
    }  # fmt: skip
    target.mkdir(parents=True)
    (target / f"{kind}.tflite").write_bytes(TFLite().finish(data, json.dumps(told).encode()))
    record = {
        "exports": {kind: {"path": f"export/{kind}.tflite", "size_bytes": len(data), "agreement": 1.0, "latency": []}},
        "axes": {"task": task, "backbone": "mobilenet", "datamodule": "phones"},
        "config": {"width": 0.25}, "initial_weights": {"origin": "random"}, "data": {"fingerprint": "0" * 64},
    }  # fmt: skip
    chosen = task_named(task, read_choice("task", task))
    write_app_folder(
        target, record, chosen.file_comparison.model, pictures(30, SIDE, seed=5), lambda _: told, metrics_of(task),
        templates or chosen.app_templates, photos,
    )  # fmt: skip
    return target / "app"


def photographed(count, longest, seed=0):
    """Phones that lie slanted in blobs of colour; `longest` of the last, pixels, half of that of the others."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(count):
        height = longest if at == count - 1 else longest / 2
        shape = np.array([[0, 0], [0.6, 0.03], [0.62, 1], [0.02, 0.97]])
        corners = height * (shape + 0.15 + rng.uniform(0, 0.05, (4, 2)))
        if at == 1:
            corners = np.roll(corners, 1, axis=0)  # upside down by a quarter
        pixels = pictures(1, round(1.4 * height), seed=at)[0]
        found.append(WholePhoto(pixels, corners))
    return found
