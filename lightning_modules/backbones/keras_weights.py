"""Keras's ImageNet weights of MobileNet and MobileNetV2, every width, in timm's names.

`python -m lightning_modules.backbones.keras_weights mobilenet` fetches each file once, and writes safetensors where
`backbone.weights=auto` finds them. Source: keras.applications, MobileNet and MobileNetV2 (Apache 2.0).
"""

import argparse
import hashlib
import json
import os
import sys
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save_file
from torch import Tensor

from lightning_modules.backbones.base import Backbone
from lightning_modules.backbones.mobilenet import MobileNet
from lightning_modules.backbones.mobilenetv2 import MobileNetV2
from lightning_modules.backbones.spec import KERAS, InitialWeights, WeightsError
from storage.whole_file import replaced, write_whole

Arrays = dict[str, dict[str, npt.NDArray[np.float32]]]
EPS = 1e-3
"""Of Keras's batch normalisation."""
WIDTHS: dict[str, dict[float, tuple[int, ...]]] = {
    "mobilenet": dict.fromkeys((0.25, 0.5, 0.75, 1.0), (128, 160, 192, 224)),
    "mobilenetv2": dict.fromkeys((0.35, 0.5, 0.75, 1.0), (96, 128, 160, 192, 224)) | {1.3: (224,), 1.4: (224,)},
}
"""Family → width → resolutions that Keras has weights for."""
HALF = (0.5, 0.5, 0.5)
NAMES = {
    "kernel": ("weight", 4), "depthwise_kernel": ("weight", 4), "gamma": ("weight", 1), "beta": ("bias", 1),
    "moving_mean": ("running_mean", 1), "moving_variance": ("running_var", 1),
}  # fmt: skip
"""Keras's name of a weight → torch's, and how many axes it has."""
MOST_BYTES = 200_000_000
"""Of all arrays of a file; the largest of these networks has 17 million."""


def build(family: str, width: float) -> Backbone:
    """The network that Keras's weights of a family and width fit into: TensorFlow's padding, [-1, 1], epsilon 0.001."""
    networks: dict[str, Callable[[float, InitialWeights], Backbone]] = {
        "mobilenet": MobileNet,
        "mobilenetv2": MobileNetV2,
    }
    return networks[family](width, InitialWeights("random", "same", HALF, HALF, eps=EPS))


def address(family: str, width: float, resolution: int) -> str:
    """Where Keras's file without a classifier lies."""
    if family == "mobilenet":
        alpha = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}[width]
        return f"{KERAS}/mobilenet/mobilenet_{alpha}_{resolution}_tf_no_top.h5"
    return f"{KERAS}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{resolution}_no_top.h5"


def file_name(family: str, width: float, resolution: int) -> str:
    """The name that conf/backbone looks for."""
    short = {"mobilenet": "mobilenetv1", "mobilenetv2": "mobilenetv2"}[family]
    return f"{short}_{round(100 * width):03d}_keras_{resolution}.safetensors"


def read_keras(path: Path) -> Arrays:
    """Layer → weight → array of an HDF5 file as `Model.save_weights` writes it (Keras 2). Raises WeightsError."""
    found: Arrays = {}
    bytes_so_far = 0

    def visit(name: str, node: Any) -> None:
        nonlocal bytes_so_far
        if isinstance(node, h5py.Dataset):
            layer, weight = (
                name.removeprefix("model_weights/").split("/")[0],
                name.rsplit("/", maxsplit=1)[-1].split(":", maxsplit=1)[0],
            )
            if node.is_virtual or node.external:
                raise WeightsError(f"{path}: {name}: lies in another file; want one that holds all of its arrays")
            if weight not in NAMES or node.ndim != NAMES[weight][1] or node.dtype.kind != "f":
                raise WeightsError(
                    f"{path}: {name}: shape {node.shape}, {node.dtype}: none of Keras's weights; want {', '.join(NAMES)}, "
                    "floats, of 4 axes or 1"
                )
            bytes_so_far += node.nbytes
            if bytes_so_far > MOST_BYTES:
                raise WeightsError(f"{path}: {name}: more than {MOST_BYTES} bytes up to here; want a mobile network's")
            found.setdefault(layer, {})[weight] = np.asarray(node, np.float32)

    try:
        with h5py.File(path, "r") as file:
            file.visititems(visit)  # which follows no link to another file
    except WeightsError:
        raise
    except (OSError, ValueError, TypeError, RuntimeError, LookupError) as error:
        raise WeightsError(f"{path}: not a readable HDF5 file ({' '.join(str(error).split())})") from None
    return found


def ported(family: str, width: float, arrays: Arrays) -> dict[str, Tensor]:
    """Keras's arrays in timm's names and layouts, every one used. Raises WeightsError where they do not fit."""
    wanted = build(family, width).network.state_dict()
    given: dict[str, Tensor] = {}
    layers = dict(_pairs(family))
    for layer, name in layers.items():
        if layer not in arrays:
            raise WeightsError(f"no layer {layer}: these are not the weights of Keras's {family}")
        given |= {f"{name}.{key}": value for key, value in _layer(arrays[layer])}
    strange = sorted(name for name, weights in arrays.items() if weights and name not in layers)
    if strange:
        raise WeightsError(f"layer {strange[0]}: Keras's {family} without a classifier has none of this name")
    for key, value in wanted.items():
        if key.endswith("num_batches_tracked"):
            continue
        if key not in given or given[key].shape != value.shape:
            have = tuple(given[key].shape) if key in given else "nothing"
            raise WeightsError(f"{family} {width:g}: {key} wants {tuple(value.shape)}, the file has {have}")
    return given


def _pairs(family: str) -> Iterator[tuple[str, str]]:
    """Keras's layer, timm's module."""
    if family == "mobilenet":
        yield from (("conv1", "conv_stem"), ("conv1_bn", "bn1"))
        for number, block in enumerate(_blocks((1, 2, 2, 6, 2)), 1):
            for layer, module in (("dw", "conv_dw"), ("dw_{}_bn", "bn1"), ("pw", "conv_pw"), ("pw_{}_bn", "bn2")):
                name = layer.format(number) if "{}" in layer else f"{layer}_{number}"
                yield f"conv_{name}", f"{block}.{module}"
        return
    yield from (("Conv1", "conv_stem"), ("bn_Conv1", "bn1"), ("Conv_1", "conv_head"), ("Conv_1_bn", "bn2"))
    first, *others = _blocks((1, 2, 3, 4, 3, 3, 1))
    for layer, module in (
        ("depthwise", "conv_dw"), ("depthwise_BN", "bn1"), ("project", "conv_pw"), ("project_BN", "bn2"),
    ):  # fmt: skip
        yield f"expanded_conv_{layer}", f"{first}.{module}"
    for number, block in enumerate(others, 1):
        for layer, module in (
            ("expand", "conv_pw"), ("expand_BN", "bn1"), ("depthwise", "conv_dw"), ("depthwise_BN", "bn2"),
            ("project", "conv_pwl"), ("project_BN", "bn3"),
        ):  # fmt: skip
            yield f"block_{number}_{layer}", f"{block}.{module}"


def _blocks(counts: tuple[int, ...]) -> list[str]:
    return [f"blocks.{stage}.{place}" for stage, count in enumerate(counts) for place in range(count)]


def _layer(weights: dict[str, npt.NDArray[np.float32]]) -> Iterator[tuple[str, Tensor]]:
    """One layer's weights as torch has them: `(H, W, in, out)` → `(out, in, H, W)`, depthwise `(H, W, C, 1)` → `(C, 1, H, W)`."""
    for name, value in weights.items():
        if name == "depthwise_kernel":
            yield "weight", torch.from_numpy(value.transpose(2, 3, 0, 1).copy())
        elif name == "kernel":
            yield "weight", torch.from_numpy(value.transpose(3, 2, 0, 1).copy())
        else:
            yield NAMES[name][0], torch.from_numpy(value.copy())


def port(family: str, width: float, resolution: int, folder: Path) -> Path:
    """Fetches one file unless it is there, and writes it into `folder`. Raises WeightsError."""
    target = folder / file_name(family, width, resolution)
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    url = address(family, width, resolution)
    fetched = _fetched(url, folder / "keras")
    digest = hashlib.sha256(fetched.read_bytes()).hexdigest()
    _must_be_known(folder / "keras" / "checksums.json", fetched, digest)
    weights = ported(family, width, read_keras(fetched))
    with replaced(target) as unfinished:
        save_file(weights, unfinished, {"source": url, "sha256": digest})
    return target


def _fetched(url: str, folder: Path) -> Path:
    path = folder / url.rpartition("/")[2]
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"fetching {url} (once)", file=sys.stderr)
        try:
            torch.hub.download_url_to_file(url, str(path), progress=sys.stderr.isatty())
        except (urllib.error.URLError, OSError) as error:
            raise WeightsError(f"{url}: cannot be fetched ({error}); a copy may be put at {path}") from None
    return path


def _must_be_known(register: Path, path: Path, digest: str) -> None:
    """A file must be what it was when it was fetched first."""
    known: dict[str, str] = json.loads(register.read_text()) if register.exists() else {}
    if known.setdefault(path.name, digest) != digest:
        raise WeightsError(f"{path}: is not the file that was fetched first (SHA-256 {digest}); remove it")
    write_whole(register, json.dumps(known, indent=1, sort_keys=True))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("family", choices=sorted(WIDTHS))
    parser.add_argument("--width", type=float, action="append", help="several times for several; default: all")
    parser.add_argument("--resolution", type=int, help="pixels; default: the largest")
    weights = Path(os.environ.get("GRIDLITE_WEIGHTS", "weights"))
    parser.add_argument("--to", type=Path, default=weights, help="folder, default: $GRIDLITE_WEIGHTS or weights/")
    arguments = parser.parse_args()
    known = WIDTHS[arguments.family]
    for width in arguments.width or known:
        if width not in known:
            parser.error(f"--width {width:g}: Keras has {', '.join(f'{one:g}' for one in known)}")
        resolution = arguments.resolution or max(known[width])
        if resolution not in known[width]:
            parser.error(f"--resolution {resolution}: at width {width:g} Keras has {', '.join(map(str, known[width]))}")
        try:
            print(port(arguments.family, width, resolution, arguments.to))
        except WeightsError as error:
            sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
