"""gridlite's own way to a file against Google's litert-torch: `python -m benchmarks.litert_torch [rounds=7]`.

Two networks, the same weights and pictures: seconds of a conversion, the largest difference of a probability from torch, size, operators
and latency of the float32 files (medians over interleaved rounds of 30 calls, one thread, the pinned runtime) as ratios. litert-torch has
versions of torch and of LiteRT of its own and lives in a venv of its own, `.cache/venvs/litert-torch`, which is made here (6 GB).
"""

import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from choices import ROOT

CASES = {
    "mobilenet 0.5, 160 px": ("mobilenet", 0.5, 160),
    "efficientnet_lite0, 224 px": ("efficientnet_lite0", 1.0, 224),
}
PINNED = ("litert-torch==0.10.0", "torch==2.14.1", "torchvision==0.29.2", "ai-edge-litert==2.3.0")
VENV = ROOT / ".cache" / "venvs" / "litert-torch"
PICTURES, CALLS = 20, 30
GUEST = """
import sys, time, torch, litert_torch
for exported, file, side in (sys.argv[at : at + 3] for at in range(1, len(sys.argv), 3)):
    module = torch.export.load(exported).module()
    began = time.perf_counter()
    litert_torch.convert(module, (torch.zeros(1, int(side), int(side), 3),)).export(file)
    print("seconds", time.perf_counter() - began)
"""
"""Runs in the other venv: exported programs → files."""


def main() -> None:
    """Prints a row per network."""
    rounds = next((int(word.partition("=")[2]) for word in sys.argv[1:] if word.startswith("rounds=")), 7)
    folder = ROOT / ".cache" / "litert-torch"
    folder.mkdir(parents=True, exist_ok=True)
    ours = {name: _ours(name, *case, folder) for name, case in CASES.items()}
    theirs = _theirs(folder)
    table = Table(
        title="litert-torch / gridlite (above 1: gridlite is better)", title_justify="left", title_style="bold"
    )
    for name in (
        "network",
        "conversion",
        "latency",
        "size",
        "worst Δp: gridlite",
        "litert-torch",
        "operators: gridlite",
        "litert-torch",
    ):
        table.add_column(name, overflow="fold")
    for name, (seconds, answers, pictures) in ours.items():
        files = [(folder / f"{_stem(name)}{end}").read_bytes() for end in ("_ours.tflite", "_theirs.tflite")]
        latencies = [
            min(pair)
            for pair in zip(
                _interleaved(files, pictures[:1], rounds),
                _interleaved(files[::-1], pictures[:1], rounds)[::-1],
                strict=True,
            )
        ]
        worst = [float(np.abs(_run(data, pictures) - answers).max()) for data in files]
        table.add_row(
            name, f"{theirs[name] / seconds:.2f} ({theirs[name]:.1f} / {seconds:.1f} s)",
            f"{latencies[1] / latencies[0]:.2f} ({latencies[1]:.2f} / {latencies[0]:.2f} ms)", f"{len(files[1]) / len(files[0]):.2f}",
            *(f"{one:.1e}" for one in worst), *(_operators(data) for data in files),
        )  # fmt: skip
    Console(width=None if Console().is_terminal else 200).print(table)


def _stem(name: str) -> str:
    return name.split(maxsplit=1)[0].strip(",")


def _ours(name: str, backbone: str, width: float, side: int, folder: Path) -> tuple[float, Any, Any]:
    """Seconds, torch's probabilities `(N, K)` and the pictures `(N, S, S, 3)`; writes our file and the program for the other."""
    import torch

    from benchmarks.export import random_module
    from export.convert import to_float32, to_onnx
    from export.deployable import deployable
    from tasks.grading_files import grade_answer

    module = random_module(backbone, width).eval()
    images = np.random.default_rng(0).integers(0, 256, (PICTURES, side, side, 3)).astype(np.float32)
    began = time.perf_counter()
    model = deployable(module, (side, side), grade_answer)
    data = to_float32(to_onnx(model, (side, side), model.outputs))
    seconds = time.perf_counter() - began
    (folder / f"{_stem(name)}_ours.tflite").write_bytes(data)
    torch.export.save(
        torch.export.export(model.eval(), (torch.zeros(1, side, side, 3),)), folder / f"{_stem(name)}.pt2"
    )
    with torch.no_grad():
        answers = [model(torch.from_numpy(one[None])) for one in images]
    given = [one[-1] if isinstance(one, tuple | list) else one for one in answers]
    return seconds, np.concatenate([one.numpy() for one in given]), images


def _theirs(folder: Path) -> dict[str, float]:
    """Network → seconds of its conversion; writes the files."""
    if not (VENV / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
        uv = ROOT / ".venv" / "bin" / "uv"
        subprocess.run([uv, "pip", "install", "--quiet", "--python", VENV / "bin" / "python", *PINNED], check=True)
    words = [str(word) for name, (_, _, side) in CASES.items()
             for word in (folder / f"{_stem(name)}.pt2", folder / f"{_stem(name)}_theirs.tflite", side)]  # fmt: skip
    done = subprocess.run([VENV / "bin" / "python", "-c", GUEST, *words], capture_output=True, text=True, check=False)
    found = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("seconds ")]
    if done.returncode or len(found) != len(CASES):
        sys.exit(f"error: litert-torch: {done.stderr[-2000:]}")
    return dict(zip(CASES, found, strict=True))


def _loaded(data: bytes) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def _run(data: bytes, pictures: Any) -> Any:
    """Probabilities `(N, K)`: the last output."""
    interpreter = _loaded(data)
    (source,), outputs = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for one in pictures:
        interpreter.set_tensor(source["index"], one[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(outputs[-1]["index"]))
    return np.concatenate(found)


def _interleaved(files: list[bytes], picture: Any, rounds: int) -> list[float]:
    """Median ms of a call of each; which is loaded first decides where its memory lies, and can cost a third: ask in both orders."""
    interpreters = [_loaded(data) for data in files]
    times: list[list[float]] = [[] for _ in files]
    for turn in range(rounds):
        for at in range(len(files)) if turn % 2 else reversed(range(len(files))):
            interpreter = interpreters[at]
            interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
            for call in range(CALLS + 5):
                began = time.perf_counter()
                interpreter.invoke()
                if call >= 5:
                    times[at].append(1000 * (time.perf_counter() - began))
    return [statistics.median(one) for one in times]


def _operators(data: bytes) -> str:
    counts = Counter(one["op_name"] for one in _loaded(data)._get_ops_details() if one["op_name"] != "DELEGATE")
    return f"{sum(counts.values())}: " + ", ".join(f"{count} {name}" for name, count in counts.most_common(6))


if __name__ == "__main__":
    main()
