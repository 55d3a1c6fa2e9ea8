"""Which operators are faster in int8: `python -m benchmarks.operators backbone=mobilenetv2 resolution=224`.

The network starts at random. Each layer's operators are cut out of the float32 file and of the int8 file with every layer in int8,
timed on one thread as a file of their own, and summed by kind and by the size of the map that they give. Casts between float
and int8 stand at the edges alone. Below the sums, both files as a whole.
"""

import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.export import interleaved

ROUNDS = 15
CLASSES = 5


@dataclass
class Sum:
    """Of layers of a kind."""

    layers: int = 0
    float32_ms: float = 0.0
    int8_ms: float = 0.0


def main() -> None:
    """Prints a row per kind of layer and the files' own times."""
    words = sys.argv[1:] or ["backbone=mobilenetv2", "resolution=224"]
    if {"-h", "--help"} & set(words):
        print(__doc__)
        return
    from export import pieces
    from export.flatbuffer import unpack
    from export.layers import layers_of
    from export.quantize import in_float
    from sweeps.records.environment import fast_int8, processor

    data, quantised = files(words)
    outside = in_float(data, float_edges=True)
    layers, both = layers_of(data, outside), (unpack(data), unpack(quantised))
    sums: dict[str, Sum] = defaultdict(Sum)
    for names, kind in [
        *((one.results, kind_of(both[0], one.results)) for one in layers.layers),
        (outside, "edges, in float in both"),
    ]:
        one = sums[kind]
        one.layers += 1
        one.float32_ms += pieces.run_ms(pieces.piece(both[0], names))
        one.int8_ms += pieces.run_ms(pieces.piece(both[1], names))
    table = Table("layers", "", "ms float32", "ms int8", "times as fast", title=" ".join(words))
    for kind, one in sums.items():
        table.add_row(
            kind, str(one.layers), f"{one.float32_ms:.3f}", f"{one.int8_ms:.3f}", f"{one.float32_ms / one.int8_ms:.2f}"
        )
    table.add_section()
    total = [sum(getattr(one, name) for one in sums.values()) for name in ("float32_ms", "int8_ms")]
    table.add_row("sum", "", *(f"{one:.2f}" for one in total), f"{total[0] / total[1]:.2f}")
    times = interleaved({"float32": data, "int8": quantised}, ROUNDS)
    whole = {name: float(np.median(each)) for name, each in times.items()}
    ratios = [one / other for one, other in zip(times["float32"], times["int8"], strict=True)]
    words_of = f"{np.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
    table.add_row("whole files", "", f"{whole['float32']:.2f}", f"{whole['int8']:.2f}", words_of)
    Console(width=120).print(table)
    print(f"{processor()}, int8: {fast_int8()}, one thread; whole files: {ROUNDS} interleaved rounds of 30 runs")


def files(words: list[str]) -> tuple[bytes, bytes]:
    """The float32 and the int8 file of an untrained network."""
    from hydra import compose, initialize_config_dir

    from choices import CONF
    from cli.train_schema import register
    from export.quantize import int8
    from export.untrained import float_file
    from lightning_modules.backbones.spec import BackboneSpec, InitialWeights

    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", overrides=words)
    spec = BackboneSpec.from_config(dict(cfg.backbone.spec))
    cfg.width = cfg.width or spec.default_width
    side = int(cfg.resolution or spec.default_resolution)
    start = InitialWeights("random", spec.padding, spec.mean, spec.std)
    source = float_file(cfg, start, CLASSES, (side, side))
    settings: dict[str, Any] = {
        "estimator": "min_max",
        "per_channel": True,
        "float_edges": True,
        "bias_correction": False,
    }
    return source.data, int8(source, **settings, float_layers=0)


def kind_of(model: object, results: tuple[str, ...]) -> str:
    """`CONV_2D 1 × 1 to fewer channels, 56 px` of a layer that gives those tensors."""
    from export.flatbuffer import graph, operator_name, tensor_name

    first = next(one for one in graph(model).operators if tensor_name(model, int(one.outputs[0])) == results[0])
    given, weights, made = (
        graph(model).tensors[int(index)].shape for index in (first.inputs[0], first.inputs[1], first.outputs[0])
    )
    kind = operator_name(model, first)
    if len(weights) != 4:
        return kind
    more, before = int(made[3]), int(given[3])
    way = "" if more == before else f" to {'more' if more > before else 'fewer'} channels"
    return f"{kind} {weights[1]} × {weights[2]}{way}, {made[1]} px"


if __name__ == "__main__":
    main()
