"""Images per second of train.py's loop against a bare PyTorch loop and Keras `fit`: `make bench`.

Every peer is a process of its own that trains the same architecture on the same random cells with the same batch, and
waits for its turn; rounds are interleaved, the first is thrown away, and ratios are medians over rounds. The bare loop
has its tensors in memory and augments nothing.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

CASES = {
    "mobilenet-0.5-128": {"backbone": "mobilenet", "width": 0.5, "resolution": 128, "batch": 32, "images": 512},
    "efficientnet_b0-224": {"backbone": "efficientnet_b0", "width": 1.0, "resolution": 224, "batch": 8, "images": 64},
}
PEERS = ("bare", "gridlite none", "gridlite light", "gridlite heavy", "keras")
CLASSES = 5


def main() -> None:
    """Parent: lets the peers take turns and prints images/s and ratios. Child (`--peer`): trains a round per line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds per case")
    parser.add_argument("--case", choices=CASES, help="this case only")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        child(arguments.peer, arguments.case, arguments.rounds + 1)
        return
    for case in [arguments.case] if arguments.case else CASES:
        report(case, measure(case, arguments.rounds))


def measure(case: str, rounds: int) -> dict[str, list[float]]:
    """Images/s of each peer in each round, warm."""
    command = [sys.executable, "-m", "benchmarks.train_throughput", "--case", case, "--rounds", str(rounds)]
    pipes: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    children = {peer: subprocess.Popen([*command, "--peer", peer], env=quiet, **pipes) for peer in PEERS}
    speeds: dict[str, list[float]] = {peer: [] for peer in PEERS}
    try:
        for peer, process in children.items():
            _expect(process, peer, "ready")
        for turn in range(rounds + 1):
            for peer, process in children.items():
                process.stdin.write("go\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
                seconds = float(_expect(process, peer, "seconds"))
                if turn:
                    speeds[peer].append(CASES[case]["images"] / seconds)  # type: ignore[operator]
    finally:
        for process in children.values():
            process.kill()
    return speeds


def _expect(process: "subprocess.Popen[str]", peer: str, word: str) -> str:
    for line in process.stdout or ():
        if line.startswith(f"@{word}"):
            return line.split()[-1]
    raise SystemExit(f"{peer} stopped:\n{process.stderr.read() if process.stderr else ''}")


def report(case: str, speeds: dict[str, list[float]]) -> None:
    """A line per peer: median images/s and the median over rounds of the ratio to the bare loop and to Keras."""
    print(f"{case}, batch {CASES[case]['batch']}, {os.cpu_count()} cores, {len(speeds['bare'])} interleaved rounds")
    for peer, values in speeds.items():
        to_bare = [value / bare for value, bare in zip(values, speeds["bare"], strict=True)]
        to_keras = [value / keras for value, keras in zip(values, speeds["keras"], strict=True)]
        spread = f"[{min(to_bare):.2f}, {max(to_bare):.2f}]"
        print(
            f"  {peer:<15} {statistics.median(values):7.1f} images/s   {statistics.median(to_bare):.3f} of bare {spread}"
            f"   {statistics.median(to_keras):.2f} of Keras"
        )


def child(peer: str, case: str, turns: int) -> None:
    """Builds one peer, then trains one round for every line on stdin."""
    settings = CASES[case]
    rng = np.random.default_rng(0)
    side, count = int(str(settings["resolution"])), int(str(settings["images"]))
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    labels = rng.integers(0, CLASSES, count)
    if peer.startswith("gridlite"):
        run_gridlite(settings, peer.split()[1], images, labels, turns)
        return
    one_round = (bare if peer == "bare" else keras)(settings, images, labels)
    print("@ready", flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        one_round()
        print("@seconds", time.perf_counter() - began, flush=True)


def composed(settings: dict[str, Any], augmentation: str, turns: int, runs: str) -> Any:
    """train.py's configuration of a case."""
    from hydra import compose, initialize_config_dir

    from conf.schema import register

    register()
    words = [f"{key}={settings[key]}" for key in ("backbone", "width", "resolution")]
    words += [f"augmentation={augmentation}", f"batch_size={settings['batch']}", "backbone.weights=none"]
    words += [f"trainer.max_epochs={turns}", "logger=none", f"paths.runs={runs}", "schedule=constant"]
    with initialize_config_dir(str(Path(__file__).parent.parent / "conf"), version_base="1.3"):
        return compose("train", overrides=words)


def network_of(settings: dict[str, Any]) -> Any:
    """The module that train.py builds for a case."""
    from conf.build import build_module
    from lightning_modules.backbones.spec import Start

    cfg = composed(settings, "none", 1, "runs")
    return build_module(cfg, Start("random", "same", (0.5,) * 3, (0.5,) * 3), CLASSES)


def bare(settings: dict[str, Any], images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Callable[[], None]:
    """A loop of ten lines: float tensors in memory, the same network in the same memory format, Adam, cross-entropy."""
    import torch
    from torch.nn.functional import cross_entropy

    network = network_of(settings).network.train()
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
    targets = torch.from_numpy(labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    batch = int(settings["batch"])

    def one_round() -> None:
        for at in range(0, len(pixels), batch):
            loss = cross_entropy(network(pixels[at : at + batch]), targets[at : at + batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return one_round


def keras(settings: dict[str, Any], images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> Callable[[], None]:
    """`fit` on keras.applications' network of the same architecture, with the same head, from memory."""
    import keras as k

    side = int(settings["resolution"])
    shape = (side, side, 3)
    if settings["backbone"] == "mobilenet":
        body = k.applications.MobileNet(shape, alpha=settings["width"], include_top=False, weights=None, pooling="avg")
    else:
        body = k.applications.EfficientNetB0(include_top=False, weights=None, input_shape=shape, pooling="avg")
    scaled = k.layers.Rescaling(1 / 127.5, -1)
    model = k.Sequential([k.Input(shape), scaled, body, k.layers.Dropout(0.5), k.layers.Dense(CLASSES, "softmax")])
    model.compile(k.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return lambda: model.fit(images, labels, batch_size=int(settings["batch"]), epochs=1, verbose=0)


def run_gridlite(
    settings: dict[str, Any],
    augmentation: str,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    turns: int,
) -> None:
    """train.py's own trainer, data module and module; a round is an epoch, timed from its start to its last batch."""
    from hydra.utils import instantiate

    from conf.build import build_trainer
    from datamodules.cell_loaders import CellArrays, CellDataModule
    from lightning_modules.callbacks import History

    with tempfile.TemporaryDirectory() as runs:
        cfg = composed(settings, augmentation, turns, runs)
        few = 2 * int(settings["batch"])
        arrays = CellArrays(
            np.concatenate([images, images[:few]]),
            np.concatenate([labels, labels[:few]]),
            np.array(["train"] * len(images) + ["val"] * few),
            CLASSES,
        )
        data = CellDataModule(
            arrays,
            augmentation=instantiate(cfg.augmentation),
            imbalance=instantiate(cfg.imbalance),
            batch_size=cfg.batch_size,
            seed=0,
            ahead=cfg.ahead,
        )
        point: Any = type("Folder", (), {"folder": Path(runs)})
        trainer = build_trainer(cfg, point, History(), None, cfg.trainer.precision)
        trainer.callbacks.insert(0, _turns(len(data.train_dataloader())))  # type: ignore[attr-defined]
        print("@ready", flush=True)
        trainer.fit(network_of(settings), data)


def _turns(batches: int) -> Any:
    """A callback that waits for its turn before an epoch and says how long its batches took.

    It says so only once the epoch's validation and checkpoint are through as well: they are not timed, and the next
    peer must not run beside them.
    """
    from pytorch_lightning.callbacks import Callback

    lines: Iterator[str] = iter(sys.stdin)

    class Turns(Callback):
        began, seconds = 0.0, 0.0

        def on_train_epoch_start(self, *_: Any) -> None:
            self.hand_over()
            next(lines)
            self.began = time.perf_counter()

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == batches - 1:
                self.seconds = time.perf_counter() - self.began

        def on_fit_end(self, *_: Any) -> None:
            self.hand_over()

        def hand_over(self) -> None:
            if self.seconds:
                print("@seconds", self.seconds, flush=True)

    return Turns()


if __name__ == "__main__":
    main()
