"""Conversion time and latency of our files, as ratios in one run: `make bench-export`.

Conversion: seconds after imports for MobileNet 1.0 at 224 px, from the ONNX model to checked files, against
`onnx2tf -tb tf_converter -oiqt`, which is one run for all kinds. Both calibrate on the same 200 random pictures.

Latency: medians over interleaved rounds, one thread, LiteRT with XNNPACK. Peers: Keras's networks of the same
architecture and head by TensorFlow's own converter, and published files where `--reference` names a folder of them.
All networks start at random: latency does not depend on what they have learnt, but `float_layers=auto` does, so int8 is
timed with all convolutions in int8 and with the first five in float.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from choices import CONF

CASES: dict[str, tuple[str, float, int]] = {
    "mobilenet-0.5-160": ("mobilenet", 0.5, 160),
    "mobilenet-1.0-224": ("mobilenet", 1.0, 224),
    "mobilenetv2-1.0-224": ("mobilenetv2", 1.0, 224),
}
PUBLISHED = {
    "mobilenet-0.5-160": ("mobilenet_v1_0.5_160_quant",),
    "mobilenetv2-1.0-224": ("mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq"),
}
CLASSES, CALIBRATION = 5, 200
INT8: dict[str, Any] = {"estimator": "mse", "per_channel": True, "float_edges": True, "bias_correction": True}


def main() -> None:
    """Parent: starts a process per piece of work and prints tables. Child (`--child`): does one piece."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of 30 runs per file")
    parser.add_argument("--conversions", type=int, default=1, help="interleaved conversions per peer")
    parser.add_argument("--reference", type=Path, help="a folder with published files, see PUBLISHED")
    parser.add_argument("--only", choices=("conversion", "latency"))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        kind, case, folder = arguments.child
        CHILDREN[kind](case, Path(folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only != "latency":
            report_conversion(arguments.conversions, Path(folder))
        if arguments.only != "conversion":
            for case in CASES:
                report_latency(case, Path(folder) / case, arguments.rounds, arguments.reference)


def child(kind: str, case: str, folder: Path) -> dict[str, float]:
    """What a process of its own says on its last line, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "benchmarks.export", "--child", kind, case, str(folder)]
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{kind} stopped:\n{done.stderr}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def report_conversion(rounds: int, folder: Path) -> None:
    """Seconds of each kind and how much faster than the peer's one run."""
    case = "mobilenet-1.0-224"
    ours, theirs = [], []
    for number in range(rounds):
        ours.append(child("convert", case, folder / f"ours{number}"))
        theirs.append(child("onnx2tf", case, folder / f"ours{number}")["all"])
    peer = statistics.median(theirs)
    print(
        f"conversion of {case}, seconds after imports, {rounds} interleaved; onnx2tf -tb tf_converter -oiqt {peer:.1f}"
    )
    seconds = {name: statistics.median(one[name] for one in ours) for name in ours[0]}
    groups = {name: (name,) for name in seconds if name != "float32"} | {"all four": tuple(seconds)}
    print(f"  {'float32':<10} {seconds['float32']:6.1f} s   {peer / seconds['float32']:5.1f} times as fast")
    for name, parts in groups.items():
        total = sum(seconds[part] for part in {"float32", *parts})
        print(
            f"  {name:<10} {total:6.1f} s   {peer / total:5.1f} times as fast (float32, which it is made from, included)"
        )


def pictures(side: int) -> npt.NDArray[np.uint8]:
    """Random ones, `(200, S, S, 3)`."""
    return np.random.default_rng(0).integers(0, 256, (CALIBRATION, side, side, 3), dtype=np.uint8)


def our_module(case: str) -> Any:
    """The module that train.py would build, from a random start."""
    return random_module(*CASES[case][:2])


def random_module(backbone: str, width: float) -> Any:
    """A network of CLASSES classes."""
    import torch
    from hydra import compose, initialize_config_dir

    from cli.train_schema import register
    from lightning_modules.backbones.spec import InitialWeights
    from training.build import build_module

    register()
    torch.manual_seed(0)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("train", overrides=[f"backbone={backbone}", f"width={width}"])
    return build_module(cfg, InitialWeights("random", "same", (0.5,) * 3, (0.5,) * 3), CLASSES)


def convert(case: str, folder: Path) -> None:
    """Our conversion, timed per kind; leaves the ONNX model for the peer."""
    import torch

    from export import quantize
    from export.convert import to_float32, to_onnx
    from export.deployable import deployable
    from export.float_file import FloatFile
    from tasks.grading_files import GradeModel, grade_answer

    side = CASES[case][2]
    images, model = pictures(side), deployable(our_module(case), (side, side), grade_answer)
    (folder / "model.onnx").write_bytes(to_onnx(model, (side, side), model.outputs))
    import onnx2tf  # noqa: F401

    began = time.perf_counter()
    data = to_float32((folder / "model.onnx").read_bytes())
    with torch.inference_mode():
        wanted = model(torch.from_numpy(images[:32].astype(np.float32)))[0].numpy()
    assert np.abs(GradeModel(data).grade(images[:32])[1] - wanted).max() < 1e-4
    seconds = {"float32": time.perf_counter() - began}
    source = FloatFile(data, images, GradeModel)
    kinds = {
        "dynamic": quantize.dynamic,
        "int8": lambda one: quantize.int8(one, float_layers="auto", **INT8),
        "float16": quantize.float16,
    }
    for name, kind in kinds.items():
        began = time.perf_counter()
        made = kind(source)
        GradeModel(made).grade(images[:32])
        seconds[name] = time.perf_counter() - began
    print(json.dumps(seconds))


def onnx2tf_peer(case: str, folder: Path) -> None:
    """onnx2tf through TensorFlow, every kind in one run, as its command line has it."""
    import contextlib

    import onnx2tf
    import tensorflow  # noqa: F401
    import tf_keras  # noqa: F401

    os.chdir(folder)
    images = pictures(CASES[case][2]).astype(np.float32)
    np.save("pictures.npy", images)
    np.save("calibration_image_sample_data_20x128x128x3_float32.npy", np.zeros((20, 128, 128, 3), np.float32))
    began = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        onnx2tf.convert(
            input_onnx_file_path="model.onnx",
            output_folder_path="theirs",
            tflite_backend="tf_converter",
            output_integer_quantized_tflite=True,
            keep_shape_absolutely_input_names=["image"],
            custom_input_op_name_np_data_path=[
                ["image", "pictures.npy", np.zeros((1, 1, 1, 3)), np.ones((1, 1, 1, 3))]
            ],
            non_verbose=True,
        )
    seconds = time.perf_counter() - began
    made = sorted(path.name for path in Path("theirs").glob("*.tflite"))
    assert any("integer_quant" in name for name in made), made
    print(json.dumps({"all": seconds}))


def our_files(case: str, folder: Path) -> None:
    """Our files of a case, to be timed."""
    from export import quantize
    from export.convert import to_float32, to_onnx
    from export.deployable import deployable
    from export.float_file import FloatFile
    from tasks.grading_files import GradeModel, grade_answer

    side = CASES[case][2]
    data = to_float32(
        to_onnx(shipped := deployable(our_module(case), (side, side), grade_answer), (side, side), shipped.outputs)
    )
    source = FloatFile(data, pictures(side)[:20], GradeModel)
    (folder / "ours float32.tflite").write_bytes(data)
    (folder / "ours float16.tflite").write_bytes(quantize.float16(source))
    for layers, name in ((0, "ours int8"), (5, "ours int8, 5 float")):
        (folder / f"{name}.tflite").write_bytes(quantize.int8(source, float_layers=layers, **INT8))
    print(json.dumps({}))


def keras_files(case: str, folder: Path) -> None:
    """Keras's network of the same architecture and head by TensorFlow's converter."""
    import keras
    import tensorflow as tf

    name, width, side = CASES[case]
    make = {"mobilenet": keras.applications.MobileNet, "mobilenetv2": keras.applications.MobileNetV2}[name]
    body = make(input_shape=(side, side, 3), alpha=width, include_top=False, weights=None, pooling="avg")
    layers = [keras.Input((side, side, 3), batch_size=1), keras.layers.Rescaling(1 / 127.5, -1), body]
    model = keras.Sequential([*layers, keras.layers.Dense(CLASSES, "softmax")])
    for kind in ("float32", "float16", "int8"):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if kind != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if kind == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if kind == "int8":
            few = pictures(side)[:20].astype(np.float32)
            converter.representative_dataset = lambda few=few: ([one[None]] for one in few)
        (folder / f"keras {kind}.tflite").write_bytes(converter.convert())
    print(json.dumps({}))


def report_latency(case: str, folder: Path, rounds: int, reference: Path | None) -> None:
    """Median ms per file and ratios of ours to each peer of the same kind."""
    child("ours", case, folder)
    child("keras", case, folder)
    data = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.tflite"))}
    names = PUBLISHED.get(case, ()) if reference else ()
    data |= {f"published {name}": (reference / f"{name}.tflite").read_bytes() for name in names if reference}
    times = interleaved(data, rounds)
    print(f"latency of {case}, ms, one thread, {rounds} interleaved rounds")
    for name, values in times.items():
        ratios = []
        if name.startswith("ours"):
            kind = name.split()[1].rstrip(",")
            peers = [peer for peer in times if peer == f"keras {kind}" or (kind == "int8" and "published" in peer)]
            for peer in peers:
                each = [mine / other for mine, other in zip(values, times[peer], strict=True)]
                ratios.append(f"{statistics.median(each):.2f} of {peer} [{min(each):.2f}, {max(each):.2f}]")
            if kind != "float32":
                each = [other / mine for mine, other in zip(values, times["ours float32"], strict=True)]
                ratios.append(f"{statistics.median(each):.2f} times as fast as our float32")
        print(f"  {name:<40} {statistics.median(values):7.2f}   {'; '.join(ratios)}")


def interleaved(data: dict[str, bytes], rounds: int, runs: int = 30) -> dict[str, list[float]]:
    """Median ms of `runs` runs of every file in every round, after a warm-up round, under the machine-wide lock."""
    from filelock import FileLock

    from export.interpreter import interpreter_of
    from export.latency.host import LOCK

    interpreters = {name: interpreter_of(one, threads=1) for name, one in data.items()}
    for interpreter in interpreters.values():
        source = interpreter.get_input_details()[0]
        pixels = np.random.default_rng(0).integers(0, 256, source["shape"]).astype(source["dtype"])
        interpreter.set_tensor(source["index"], pixels)
    times: dict[str, list[float]] = {name: [] for name in data}
    with FileLock(LOCK, mode=0o666):
        for number in range(rounds + 1):
            for name, interpreter in interpreters.items():
                each = []
                for _ in range(runs):
                    began = time.perf_counter()
                    interpreter.invoke()
                    each.append(1e3 * (time.perf_counter() - began))
                if number:
                    times[name].append(statistics.median(each))
    return times


CHILDREN = {"convert": convert, "onnx2tf": onnx2tf_peer, "ours": our_files, "keras": keras_files}

if __name__ == "__main__":
    main()
