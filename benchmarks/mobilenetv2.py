"""Why MobileNetV2 failed in the thesis (60 to 65 %, figure 5.1): one suspect changed at a time.

`python -m benchmarks.mobilenetv2 --photos <rendered folder>` trains MobileNetV2 1.0 from ImageNet on rendered screens as
the thesis did (heavy augmentation, Adam at 0.001, batches of 32) and differs from the first line in one thing each:
the momentum of batch normalisation (Keras's MobileNetV2 has 0.999, its MobileNet and EfficientNet 0.99, torch's way of
counting 0.001 and 0.01), its epsilon, the padding, the scaling of the pixels, a frozen backbone. The last column judges
the same weights with batch statistics taken anew from the training cells. Writes a table and a figure.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytorch_lightning as pl
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch import nn
from torch.optim.swa_utils import update_bn

from choices import CONF
from cli.train_schema import register
from datamodules.base.loaders import CellDataModule
from lightning_modules.backbones.pretrained import resolve_initial_weights
from lightning_modules.backbones.spec import BackboneSpec, InitialWeights
from lightning_modules.base import TaskModule
from lightning_modules.inference import grade_images
from training.build import build_data, build_module
from training.trainer import History, quiet, seed_everything

Change = Callable[[TaskModule], None]


def norms(module: TaskModule) -> list[nn.BatchNorm2d]:
    """All batch normalisations of the network."""
    return [layer for layer in module.network.modules() if isinstance(layer, nn.BatchNorm2d)]


def momentum(value: float) -> Change:
    """In torch's way of counting: the share of a new batch."""

    def change(module: TaskModule) -> None:
        for layer in norms(module):
            layer.momentum = value

    return change


def epsilon(module: TaskModule) -> None:
    """Keras's."""
    for layer in norms(module):
        layer.eps = 1e-3


def raw_pixels(module: TaskModule) -> None:
    """0..255 as they are."""
    module.network.scaling.mean.zero_()
    module.network.scaling.scale.fill_(1.0)


def keras_pixels(module: TaskModule) -> None:
    """[-1, 1], though these weights want torchvision's scaling."""
    module.network.scaling.mean.fill_(127.5)
    module.network.scaling.scale.fill_(1 / 127.5)


def nothing(module: TaskModule) -> None:
    """As it comes."""


VARIANTS: dict[str, tuple[list[str], str, Change]] = {
    "as gridlite trains it (momentum 0.1)": ([], "", nothing),
    "momentum 0.001, Keras's for MobileNetV2": ([], "", momentum(0.001)),
    "momentum 0.01, Keras's for the others": ([], "", momentum(0.01)),
    "epsilon 0.001, Keras's": ([], "", epsilon),
    "TensorFlow's padding": ([], "same", nothing),
    "pixels in [-1, 1]": ([], "", keras_pixels),
    "pixels not scaled": ([], "", raw_pixels),
    "frozen backbone": (["fine_tuning=frozen"], "", nothing),
}
"""Name → overrides, padding (empty: the weights' own), change of the built module."""


def main() -> None:
    """Trains what has no result yet, then prints and draws all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a rendered folder, such as data/synthetic_screens-…")
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    parser.add_argument("--cache", default=".cache")
    parser.add_argument("--resolution", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", default="", help="the variants whose name has this in it")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/mobilenetv2"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "mobilenetv2.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for seed in range(arguments.seeds):
        for name in [name for name in VARIANTS if arguments.only in name]:
            key = f"{name}, seed {seed}"
            if key not in found:
                found[key] = trained(name, seed, arguments)
                path.write_text(json.dumps(found, indent=1))
    show(found, arguments)


def trained(name: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Accuracies per epoch, and of the last weights with statistics taken anew."""
    overrides, padding, change = VARIANTS[name]
    register()
    quiet()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", overrides=[
            "backbone=mobilenetv2", "width=1.0", f"resolution={arguments.resolution}", "batch_size=32",
            "datamodule=phone_photos", f"datamodule.root={arguments.photos}", "datamodule.val_folds=4",
            f"datamodule.cache={arguments.cache}", "augmentation=heavy", "augmentation.backend=batched", "optimizer.lr=0.001", "schedule=constant",
            f"seed={seed}", *overrides,
        ])  # fmt: skip
    spec = BackboneSpec.from_config(dict(cfg.backbone.spec))
    given = resolve_initial_weights(spec, 1.0, "imagenet", arguments.weights, arguments.resolution)
    start = InitialWeights(given.origin, padding or given.padding, given.mean, given.std, given.path, eps=given.eps)
    seed_everything(seed)
    samples = instantiate(cfg.datamodule).load()
    module = build_module(cfg, start, len(samples.class_names))
    change(module)
    data = build_data(cfg, samples)
    history = History()
    trainer = pl.Trainer(
        max_epochs=arguments.epochs, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, callbacks=[history],
    )  # fmt: skip
    trainer.fit(module, data)
    before = accuracy(module, data, samples)
    update_bn((batch.images for batch in data.part_dataloader("train")), module.network)
    anew = accuracy(module, data, samples)
    print(f"{name}, seed {seed}: val {before:.3f}, statistics anew {anew:.3f}", flush=True)
    return {"history": history.epochs, "last": before, "anew": anew}


def accuracy(module: TaskModule, data: CellDataModule, samples: Any) -> float:
    """On the validation set."""
    grades, _ = grade_images(module, (batch.images for batch in data.part_dataloader("val")))
    table = samples.table
    return float((grades == table.label[table.part == "val"].to_numpy()).mean())


def show(found: dict[str, Any], arguments: argparse.Namespace) -> None:
    """Table on stdout, figure beside the results."""
    import matplotlib.pyplot as plt

    from metrics.intervals import t_interval

    print(f"\n{'':44}{'train':>7}{'val, last epoch':>24}{'val, best':>11}{'statistics anew':>24}")
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
    for number, name in enumerate(VARIANTS):
        runs = [run for key, run in found.items() if key.startswith(f"{name}, seed")]
        if not runs:
            continue
        last, anew = [run["last"] for run in runs], [run["anew"] for run in runs]
        best = fmean([max(epoch["val/accuracy"] for epoch in run["history"]) for run in runs])
        words = [
            f"{fmean(values):.3f}" + (" [{:.3f}, {:.3f}]".format(*t_interval(values)) if len(runs) > 1 else "")
            for values in (last, anew)
        ]
        learned = fmean([run["history"][-1]["train/accuracy"] for run in runs])
        print(f"{name:44}{learned:7.3f}{words[0]:>24}{best:11.3f}{words[1]:>24}")
        for axis, part in zip(axes, ("train", "val"), strict=True):
            epochs = range(1, 1 + len(runs[0]["history"]))
            curve = [fmean([run["history"][epoch - 1][f"{part}/accuracy"] for run in runs]) for epoch in epochs]
            wide = 2.6 if "momentum" in name else 1.2
            axis.plot(epochs, curve, label=name, linewidth=wide, color=f"C{number}")
            axis.set(title=f"{part} accuracy", xlabel="epoch")
            axis.grid(alpha=0.25)
    axes[0].set_ylabel("accuracy")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    path = arguments.out / "mobilenetv2.png"
    figure.savefig(path, dpi=140)
    print(f"figure: {path}")


if __name__ == "__main__":
    main()
