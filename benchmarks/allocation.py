"""Training steps with freed memory kept by the process, as train.py has it, against given back to the kernel: `python -m benchmarks.allocation`.

The peer is the C library's own way, which a bare PyTorch loop has. Each way takes its turns in processes of its own, one after
the other.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks.cases import EVERY, module_of

WAYS = ("given back", "kept")
WARM, STEPS = 3, 10


def measured(case: str, way: str) -> dict[str, float]:
    """Per step of random pixels: CPU seconds of the process, of which the kernel's, and page faults; MB at most."""
    import torch
    from torch.nn.functional import cross_entropy

    from training.memory import keep_freed_memory

    if way == "kept" and not keep_freed_memory():
        raise SystemExit("error: this C library cannot be told to keep memory (want glibc)")
    torch.manual_seed(0)
    known = EVERY[case]
    network = module_of(known, 5).network.train()
    optimizer = torch.optim.Adam(network.parameters())
    images = torch.randint(0, 256, (known.batch, 3, known.resolution, known.resolution), dtype=torch.uint8)
    images, labels = images.to(memory_format=torch.channels_last), torch.randint(0, 5, (known.batch,))
    before = resource.getrusage(resource.RUSAGE_SELF)
    for step in range(WARM + STEPS):
        if step == WARM:
            before = resource.getrusage(resource.RUSAGE_SELF)
        loss = cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    after = resource.getrusage(resource.RUSAGE_SELF)
    system = (after.ru_stime - before.ru_stime) / STEPS
    return {
        "cpu": system + (after.ru_utime - before.ru_utime) / STEPS,
        "system": system,
        "faults": (after.ru_minflt - before.ru_minflt) / STEPS,
        "peak": after.ru_maxrss / 1024,
    }


def main() -> None:
    """Reads the command line, lets the ways take turns, and prints medians and their ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.allocation", description=main.__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", nargs="+", default=["mobilenet-0.5-128", "efficientnet_b0-224"], choices=list(EVERY))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(*arguments.one)))
        return
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    turns = [(case, way) for _ in range(arguments.rounds) for case in arguments.cases for way in WAYS]
    for case, way in tqdm(turns, desc="turns", leave=False, disable=None):
        words = [sys.executable, "-m", "benchmarks.allocation", "--one", case, way]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
        found.setdefault((case, way), []).append(json.loads(told))
    table = Table(title=f"a training step, medians of {arguments.rounds} turns each")
    for column in (
        "case",
        "freed memory",
        "CPU s",
        "of it the kernel's",
        "page faults",
        "MB at most",
        "CPU s, times kept",
    ):
        table.add_column(column, justify="left" if column in ("case", "freed memory") else "right")
    for case in arguments.cases:
        kept = [one["cpu"] for one in found[case, "kept"]]
        for way in WAYS:
            own = found[case, way]
            cells = [statistics.median(one[name] for one in own) for name in ("cpu", "system", "faults", "peak")]
            ratios = sorted(one["cpu"] / other for one, other in zip(own, kept, strict=True))
            ratio = f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]" if way != "kept" else "1"
            table.add_row(
                case, way, f"{cells[0]:.3f}", f"{cells[1]:.3f}", f"{cells[2]:,.0f}", f"{cells[3]:,.0f}", ratio
            )
    Console().print(table)


if __name__ == "__main__":
    main()
