"""The file that a network would become, before anything is trained: same operators, same shapes, weights drawn at random.

What a file takes in time and space hangs on these; see `benchmarks/latency_prediction.py`.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from export.convert import to_float32, to_onnx
from export.deployable import deployable
from export.float_file import FloatFile
from export.formats.tflite import TFLite
from lightning_modules.backbones.spec import InitialWeights
from training.build import build_module, built

PICTURES = 8
"""Of random pixels, by which ranges of activations are seen."""


def untrained_file(
    cfg: DictConfig, start: InitialWeights, labels: list[str], size: tuple[int, int], kind: str, *, ordered: bool = True
) -> bytes:
    """One kind of file of a configuration's network at its width; no pretrained weights are read.

    Args:
        cfg: backbone, encoding, task, width and `quantization.<kind>`, resolved.
        start: says how the network pads and scales; its file is left alone.
        labels: names of the classes.
        size: height and width of the pictures, pixels.
        kind: of conf/quantization.
        ordered: whether the classes are.

    Raises QuantizationError for a kind that only a trained network can become.

    """
    source = float_file(cfg, start, len(labels), size, ordered=ordered)
    made = instantiate(OmegaConf.create(fastest_form(cfg.quantization[kind])))(source)
    about = {"task": str(cfg.task["_target_"]), "labels": labels, "size": list(size), "resolution": min(size)}
    return TFLite().finish(made, json.dumps(about).encode())


def fastest_form(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A quantisation without what only weights can decide: of int8 all layers are quantised, as small and fast as it can become."""
    inner = {name: fastest_form(value) for name, value in settings.items() if isinstance(value, Mapping)}
    layers = {"float_layers": 0} if settings.get("float_layers") in ("auto", "mixed") else {}
    return {**settings, **inner, **layers}


def float_file(
    cfg: DictConfig, start: InitialWeights, classes: int, size: tuple[int, int], *, ordered: bool = True
) -> FloatFile:
    """What every kind of file of the untrained network is made from."""
    torch.manual_seed(0)
    module = build_module(cfg, replace(start, origin="random", path=None), classes, ordered=ordered)
    module.head.know_counts(torch.ones(classes))
    pixels = np.random.default_rng(0).integers(0, 256, (PICTURES, *size, 3), np.uint8)
    comparison = built("task", cfg.task).file_comparison
    shipped = deployable(module, size, comparison.answer)
    onnx_model = to_onnx(shipped, size, shipped.outputs)
    return FloatFile(to_float32(onnx_model), pixels, comparison.model, onnx_model)
