"""Which networks of timm become files, and how well: `python -m benchmarks.timm_backbones`, rows in timm_backbones.csv.

Each is trained for at most STEPS steps (or SECONDS of the processor) to count strokes on drawn pictures, from a random start: enough that batch norms and
weights are those of a network that knows something, so that files can be held against torch. Then every kind of file is made as an export
makes it, held against torch on pictures that no training has seen, and timed in interleaved rounds, one thread. A network whose row is
there is skipped; `--docs` writes the table of docs/timm.md from the rows alone.
"""

import argparse
import json
import re
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.finished_rows import append_rows, read_rows
from choices import CONF, ROOT, read_choice

ROWS = Path(__file__).with_suffix(".csv")
PAGE = ROOT / "docs" / "timm.md"
FAMILIES = {
    "RepViT": ["repvit_m0_9", "repvit_m1_0"],
    "MobileNetV4": ["mobilenetv4_conv_small_035", "mobilenetv4_conv_small_050"],
    "FastViT": ["fastvit_t8", "fastvit_t12"],
    "EdgeNeXt": ["edgenext_xx_small", "edgenext_x_small"],
    "MobileOne": ["mobileone_s0", "mobileone_s1"],
    "StarNet": ["starnet_s050", "starnet_s1"],
    "others": [
        "mobilenetv3_small_050", "tf_efficientnet_lite0", "ghostnet_050", "lcnet_050", "tinynet_e", "mnasnet_small", "semnasnet_050",
        "regnety_002", "resnet10t", "hardcorenas_a", "repghostnet_050", "ghostnetv3_050", "mixnet_s", "fasternet_t0", "convnext_atto",
        "mobilevit_xxs", "mobilevitv2_050", "swiftformer_xs", "shvit_s1", "efficientvit_b0", "efficientvit_m0", "pvt_v2_b0",
        "levit_conv_128s", "efficientformerv2_s0",
    ],
}  # fmt: skip
SIDE, STROKES, BATCH = 96, 4, 16
STEPS, SECONDS = 150, 60.0
TRAIN, CALIBRATION, ASKED = 400, 24, 200
KINDS = ("float32", "float16", "dynamic", "int8")
Images = npt.NDArray[np.uint8]


def main() -> None:
    """Goes on where the csv ends."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="networks, in place of all")
    parser.add_argument("--docs", action="store_true", help="write the table of docs/timm.md and end")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(measured(asked.child)))
        return
    if not asked.docs:
        done = {row["model"] for row in read_rows(ROWS)}
        for model in asked.only or [one for many in FAMILIES.values() for one in many]:
            if model not in done:
                append_rows(ROWS, [row := by_itself(model)])
                print({key: value for key, value in row.items() if value}, flush=True)
    PAGE.write_text(with_table(PAGE.read_text(), read_rows(ROWS)))


def by_itself(model: str) -> dict[str, str]:
    """The row of a network, measured in a process of its own: a runtime that crashes on a file ends no more than that."""
    line = [sys.executable, "-m", "benchmarks.timm_backbones", "--child", model]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode > 0:
        raise SystemExit(f"{model} stopped:\n{done.stderr}")
    if done.returncode:
        return empty(model) | {
            "px": str(size_of(model)),
            "reason": f"its training or a file of it ends the process (signal {-done.returncode})",
        }
    row: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return row


def empty(model: str) -> dict[str, str]:
    """A row of which nothing is known but the name."""
    whats = [f"{kind}_{what}" for kind in KINDS for what in ("agreement", "ms", "kb")]
    more = ["float32_pieces", "float32_taken", "int8_pieces", "int8_taken", "gpu_leaves", "reason"]
    return dict.fromkeys(
        ["model", "px", "thousand_weights", "steps", "accuracy", "float32_difference", *whats, *more], ""
    ) | {"model": model}


def drawn(count: int, side: int, seed: int) -> tuple[Images, npt.NDArray[np.int64]]:
    """Pictures `(count, S, S, 3)` with 0 to STROKES bright lines over noise, and how many each has."""
    rng = np.random.default_rng(seed)
    images, labels = [], rng.integers(0, STROKES + 1, count)
    for label in labels:
        tint = rng.integers(0, 110, 3)
        picture = np.clip(tint + rng.normal(0, 12, (side, side, 3)), 0, 255).astype(np.uint8)
        for place in rng.permutation(STROKES)[:label]:
            at = int((place + 0.5 + rng.uniform(-0.2, 0.2)) * side / STROKES)
            cv2.line(
                picture,
                (at, int(side * 0.1)),
                (at + int(rng.integers(-4, 5)), int(side * 0.9)),
                (235, 230, 225),
                side // 24,
            )
        images.append(picture)
    return np.array(images), labels


def trained(model: str, side: int) -> tuple[Any, int]:
    """The module of a network that counts strokes, in eval mode, and the steps that it took."""
    import torch
    from hydra import compose, initialize_config_dir

    from cli.train_schema import register
    from lightning_modules.backbones.spec import BackboneSpec, InitialWeights
    from lightning_modules.backbones.timm_models import spec_of
    from training.build import build_module

    register()
    torch.manual_seed(0)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", overrides=["backbone=timm", f"backbone.model={model}", "width=1.0"])
    spec = spec_of(model, BackboneSpec("timm", (1.0,), 1.0, side, BATCH), side)
    module = build_module(cfg, InitialWeights("random", "own", spec.mean, spec.std), STROKES + 1)
    images, labels = drawn(TRAIN, side, 0)
    pixels, wanted = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels)
    optimizer = torch.optim.AdamW(module.network.parameters(), lr=0.002)
    began, steps = time.process_time(), 0
    while steps < STEPS and time.process_time() - began < SECONDS:
        chosen = torch.randint(TRAIN, (BATCH,))
        loss = torch.nn.functional.cross_entropy(module.train().network(pixels[chosen]), wanted[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        steps += 1
    return module.eval(), steps


def size_of(model: str) -> int:
    """SIDE, or the network's own size where it takes no other."""
    from lightning_modules.backbones.spec import BackboneSpec, ModelError
    from lightning_modules.backbones.timm_models import spec_of

    default = BackboneSpec("timm", (1.0,), 1.0, SIDE, BATCH)
    try:
        spec_of(model, default, SIDE)
    except ModelError:
        return spec_of(model, default).default_resolution
    return SIDE


def measured(model: str) -> dict[str, str]:
    """The row of a network; where it does not become a file, with the reason."""
    warnings.simplefilter("ignore")
    side = size_of(model)
    module, steps = trained(model, side)
    weights = sum(one.numel() for one in module.network.parameters())
    row = empty(model) | {"px": str(side), "thousand_weights": f"{weights / 1000:.0f}", "steps": str(steps)}
    try:
        return row | files(module, side)
    except (ValueError, RuntimeError) as error:
        return row | {"reason": " ".join(str(error).split())[:200]}


def files(module: Any, side: int) -> dict[str, str]:
    """What of a row is said of its files. Raises ValueError or RuntimeError where the float32 file cannot be made."""
    import torch
    from hydra.utils import instantiate

    from benchmarks.export import interleaved
    from export.convert import to_float32, to_onnx
    from export.delegates import left_to_cpu, xnnpack_partitions
    from export.deployable import deployable
    from export.flatbuffer import graph, unpack
    from export.float_file import FloatFile
    from tasks.grading_files import GradeModel, grade_answer

    images, labels = drawn(ASKED, side, 1)
    with torch.inference_mode():
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)
        wanted = torch.cat([torch.softmax(module.network(some), 1) for some in torch.split(pixels, 20)]).numpy()
    shipped = deployable(module, (side, side), grade_answer)
    source = FloatFile(
        to_float32(to_onnx(shipped, (side, side), shipped.outputs)), drawn(CALIBRATION, side, 2)[0], GradeModel
    )
    row = {"accuracy": f"{(wanted.argmax(1) == labels).mean():.3f}"}
    made: dict[str, bytes] = {}
    for kind in KINDS:
        try:
            data = instantiate(read_choice("quantization", kind), _convert_="all")(source)
            given = GradeModel(data).grade(images)[1]
        except ValueError as error:
            if kind == "float32":
                raise
            row["reason"] = f"{kind}: {' '.join(str(error).split())}"[:200]
            continue
        made[kind] = data
        row[f"{kind}_kb"] = f"{len(data) / 1000:.0f}"
        row[f"{kind}_agreement"] = f"{(given.argmax(1) == wanted.argmax(1)).mean():.3f}"
        if kind == "float32":
            row["float32_difference"] = f"{np.abs(given - wanted).max():.1e}"
        if kind in ("float32", "int8"):
            left, count = left_to_cpu(data), len(graph(unpack(data)).operators)
            row[f"{kind}_pieces"] = str(xnnpack_partitions(data))
            row[f"{kind}_taken"] = f"{1 - sum(left['xnnpack'].values()) / count:.3f}"
            if kind == "float32":
                row["gpu_leaves"] = ", ".join(f"{many} {name}" for name, many in left["gpu"].items())
    for kind, times in interleaved(made, rounds=5, runs=10).items():
        row[f"{kind}_ms"] = f"{np.median(times):.2f}"
    return row


def with_table(page: str, rows: list[dict[str, str]]) -> str:
    """The page with its table as the rows have it."""
    lines = [
        "| network | px | weights | float32 differs by | agreement of dynamic, int8 | ms float32, float16, dynamic, int8 | kB | XNNPACK takes, pieces: float32; int8 | GPU leaves |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        weights = f"{float(row['thousand_weights']) / 1000:.1f} M" if row["thousand_weights"] else ""
        head = f"| `{row['model']}` | {row['px']} | {weights} |"
        if not row["float32_kb"]:
            lines.append(f"{head} refused: {row['reason']} | | | | | |")
            continue
        each = {what: ", ".join(row[f"{kind}_{what}"] or "–" for kind in KINDS) for what in ("ms", "kb")}
        taken = "; ".join(_taken(row, kind) for kind in ("float32", "int8"))
        agreement = f"{row['dynamic_agreement'] or '–'}, {row['int8_agreement'] or '–'}"
        lines.append(
            f"{head} {row['float32_difference']} | {agreement} | {each['ms']} | {each['kb']} | {taken} | {row['gpu_leaves'] or 'nothing'} |"
        )
    return re.sub(r"(?s)(<!-- rows -->\n).*(<!-- end -->)", partial(_between, "\n".join(lines)), page)


def _between(text: str, found: re.Match[str]) -> str:
    return f"{found[1]}\n{text}\n\n{found[2]}"


def _taken(row: dict[str, str], kind: str) -> str:
    return f"{100 * float(row[f'{kind}_taken']):.0f} %, {row[f'{kind}_pieces']}" if row[f"{kind}_taken"] else "–"


if __name__ == "__main__":
    main()
