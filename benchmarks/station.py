"""Photos an hour that `python -m station grade` grades, in one process and side by side: `python -m benchmarks.station`.

Every turn is a command of its own into a new folder, from its start to the contact sheet: nothing is left from another turn. The
peer is the same station a photo at a time, one command for each, on the first few photos.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from benchmarks.turns import spread
from cli.command_line import quoted
from station.photo_files import find_photos

SINGLE = "a command each"


def seconds(words: list[str]) -> tuple[float, float]:
    """Of one command, which has to succeed: by the clock, and of all its processes on the CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "station", "grade", *words], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Reads the command line, lets the ways take turns, and prints medians and ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.station", description=main.__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos of phones, no two alike")
    parser.add_argument("--run", required=True, help="a run's folder, or an exported .tflite file")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--single", type=int, default=5, help="photos that the peer is given")
    arguments = parser.parse_args()
    photos = find_photos(arguments.photos, Path("nowhere")).photos
    clock: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    ways = [SINGLE, *map(str, arguments.jobs)]
    for way in tqdm(ways * arguments.rounds, desc="turns", leave=False, disable=None):
        with tempfile.TemporaryDirectory() as folder:
            run = quoted("run", arguments.run)
            if way == SINGLE:
                few = photos[: arguments.single]
                told = [seconds([quoted("photo", one.path), run, f"picture={folder}/p.jpg"]) for one in few]
            else:
                few = photos
                told = [seconds([quoted("photos", arguments.photos), run, f"output={folder}/graded", f"jobs={way}"])]
        clock.setdefault(way, []).append(sum(one for one, _ in told) / len(few))
        cpu.setdefault(way, []).append(sum(one for _, one in told) / len(few))
    table = Table(title=f"{len(photos)} photos, medians of {arguments.rounds} rounds")
    first = str(arguments.jobs[0])
    for column in ("processes", "seconds a photo", "CPU seconds", "photos an hour", f"as fast as {first}, times"):
        table.add_column(column, justify="right")
    for way in ways:
        median, used = statistics.median(clock[way]), statistics.median(cpu[way])
        times = [base / own for base, own in zip(clock[first], clock[way], strict=True)]
        table.add_row(way, f"{median:.3f}", f"{used:.3f}", f"{3600 / median:,.0f}", spread(times))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
