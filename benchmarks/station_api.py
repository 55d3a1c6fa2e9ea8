"""What the station's API grades an hour with several clients at once: `python -m benchmarks.station_api`.

The server is the command that a person types, the clients are threads with a connection each, over the loopback. Every number of clients
sends each photo once, in rounds that take turns with the peer: one process of `python -m station grade`, from its start to the contact sheet.
"""

import argparse
import queue
import re
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from cli.command_line import quoted
from station.photo_files import find_photos

PEER = "one process of grade"


@dataclass
class Load:
    """What so many clients saw, over all rounds."""

    seconds: list[float] = field(default_factory=list)
    """Of each answered photo."""
    took: list[float] = field(default_factory=list)
    """Of each round."""
    health: list[float] = field(default_factory=list)
    """Of /healthz meanwhile."""
    refused: int = 0
    """Photos without a grade (422)."""
    errors: int = 0
    """Every other answer but a grade."""
    megabytes: float = 0.0
    """Of the server's processes together, proportional set size, the most that was seen."""


@contextmanager
def server(words: Sequence[str]) -> Iterator[tuple[str, dict[str, str], psutil.Process]]:
    """Address, headers and process of a started server."""
    token = secrets.token_urlsafe(18)
    line = [sys.executable, "-m", "station", "serve", *words, "port=0", f"token={token}"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = ""
            while "ctrl-c" not in said:
                if not (more := process.stdout.readline()):
                    raise RuntimeError(f"the server did not begin: {said}")
                said += more
            found = re.search(r"open (\S+)/docs", said)
            assert found is not None
            yield found[1], {"Authorization": f"Bearer {token}"}, psutil.Process(process.pid)
        finally:
            process.terminate()


def send(
    base: str, headers: dict[str, str], photos: Sequence[bytes], clients: int, process: psutil.Process, load: Load
) -> None:
    """Every photo once, by so many clients."""
    left: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for data in photos:
        left.put(data)
    done = threading.Event()

    def client() -> None:
        with httpx.Client(base_url=base, headers=headers, timeout=120) as connection:
            while True:
                try:
                    data = left.get_nowait()
                except queue.Empty:
                    return
                began = time.perf_counter()
                status = connection.post("/grade", content=data).status_code
                load.seconds.append(time.perf_counter() - began)
                load.refused += status == httpx.codes.UNPROCESSABLE_ENTITY
                load.errors += status not in (httpx.codes.OK, httpx.codes.UNPROCESSABLE_ENTITY)

    def look() -> None:
        with httpx.Client(base_url=base, timeout=120) as connection:
            while not done.wait(0.5):
                began = time.perf_counter()
                connection.get("/healthz")
                load.health.append(time.perf_counter() - began)
                load.megabytes = max(load.megabytes, memory(process))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    watching = threading.Thread(target=look)
    began = time.perf_counter()
    for one in (*threads, watching):
        one.start()
    for one in threads:
        one.join()
    load.took.append(time.perf_counter() - began)
    done.set()
    watching.join()


def memory(process: psutil.Process) -> float:
    """Megabytes of a process and its children, pages that they share counted once."""
    return sum(one.memory_full_info().pss for one in (process, *process.children(recursive=True))) / 1e6


def grade(photos: Path, run: str) -> float:
    """Seconds of the peer."""
    with tempfile.TemporaryDirectory() as folder:
        words = [quoted("photos", photos), quoted("run", run), f"output={folder}/graded", "jobs=1"]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "station", "grade", *words], capture_output=True, check=True)
        return time.perf_counter() - began


def main() -> None:
    """Reads the command line, sends, and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.station_api", description=main.__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photos of phones")
    parser.add_argument("--run", required=True, help="a run's folder, or an exported .tflite file")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    photos = [one.path.read_bytes() for one in find_photos(arguments.photos, Path("nowhere")).photos]
    loads = {clients: Load() for clients in arguments.clients}
    peer: list[float] = []
    with server([quoted("run", arguments.run)]) as (base, headers, process):
        for _ in tqdm(range(arguments.rounds), desc="rounds", leave=False, disable=None):
            peer.append(grade(arguments.photos, arguments.run))
            for clients, load in loads.items():
                send(base, headers, photos, clients, process, load)
        largest = (
            resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3
        )  # the server is no child that has ended yet
    show(loads, peer, len(photos), largest)


def show(loads: dict[int, Load], peer: list[float], count: int, peer_megabytes: float) -> None:
    """Prints a line for each number of clients, and one for the peer."""
    table = Table(title=f"{count} photos, {len(peer)} rounds")
    for column in (
        "clients",
        "median s",
        "95th",
        "photos an hour",
        "of the peer's",
        "refused",
        "errors",
        "/healthz 95th, ms",
        "server MB",
    ):
        table.add_column(column, justify="right")
    table.add_row(
        PEER, "", "", f"{3600 * count / statistics.median(peer):,.0f}", "1", "", "", "", f"{peer_megabytes:.0f}"
    )
    for clients, load in loads.items():
        ratio = statistics.median(base / own for base, own in zip(peer, load.took, strict=True))
        middle, late = np.percentile(load.seconds, [50, 95])
        health = 1000 * np.percentile(load.health, 95) if load.health else float("nan")
        table.add_row(
            str(clients), f"{middle:.2f}", f"{late:.2f}", f"{3600 * count / statistics.median(load.took):,.0f}", f"{ratio:.2f}",
            str(load.refused), str(load.errors), f"{health:.0f}", f"{load.megabytes:.0f}",
        )  # fmt: skip
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
