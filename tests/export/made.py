"""Networks and files that the export tests share."""

from functools import cache

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from choices import ROOT
from cli.train_schema import register
from export import quantize
from export.convert import to_float32, to_onnx
from export.deployable import deployable
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights
from tasks.grading_files import GradeModel, grade_answer
from training.build import build_module

PLAIN = {"estimator": "min_max", "per_channel": True, "float_edges": True, "bias_correction": False, "float_layers": 0}
CONF = str(ROOT / "conf")
register()


def random_module(backbone, *, width=None, encoding="one_hot", resolution=64, classes=5, seed=0):
    """A module whose outputs differ from image to image: batch statistics from noise, a wide classifier."""
    torch.manual_seed(seed)
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = compose("train", overrides=[f"backbone={backbone}", f"encoding={encoding}"])
    spec = BackboneSpec.from_config(OmegaConf.to_container(cfg.backbone.spec))
    cfg.width = spec.default_width if width is None else width
    module = build_module(cfg, InitialWeights("random", spec.padding, spec.mean, spec.std), classes)
    module.train()
    with torch.no_grad():
        for _ in range(12):
            module(torch.randint(0, 256, (8, 3, resolution, resolution)))
        pooled = module.eval()(torch.randint(0, 256, (16, 3, resolution, resolution)))
        spread = pooled.std(dim=0).mean().clamp_min(1e-3)
        linear = [layer for layer in module.network.linear.modules() if isinstance(layer, torch.nn.Linear)][-1]
        linear.weight.mul_(1 / spread)
        linear.bias.copy_(-module(torch.randint(0, 256, (16, 3, resolution, resolution))).mean(dim=0))
    return module


def pictures(count, resolution, seed=0):
    """Random blobs, uint8 `(count, S, S, 3)`: no two alike in their statistics."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3)).astype(np.float32)
    side = -(-resolution // 4)
    smooth = coarse.repeat(side, axis=1).repeat(side, axis=2)[:, :resolution, :resolution]
    noise = rng.normal(0, rng.uniform(2, 60, (count, 1, 1, 1)), smooth.shape)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def converted(module, resolution):
    """Its deployable torch model and its float32 file."""
    model = deployable(module, (resolution, resolution), grade_answer)
    return model, to_float32(to_onnx(model, (resolution, resolution), model.outputs))


def torch_answers(model, images):
    """Grades and probabilities by the deployable torch model."""
    with torch.inference_mode():
        answers = model(torch.from_numpy(images.astype(np.float32)))
    given = dict(zip(model.outputs, answers, strict=True))
    return given.get("grade", given["probabilities"]).argmax(dim=1).numpy(), given["probabilities"].numpy()


@cache
def files_of_kinds():
    """A small network's files by kind, as the quantisers make them."""
    module = random_module("mobilenet", width=0.25, encoding="ordinal")
    data = converted(module, 64)[1]
    source = quantize.FloatFile(data, pictures(30, 64), GradeModel)
    made = {"float32": data, "float16": quantize.float16(source), "dynamic": quantize.dynamic(source)}
    return made | {"int8": quantize.int8(source, **PLAIN)}
