"""Makes and times untrained files on request: a line of JSON on stdin for each, a line of JSON as the answer (`jobs.cost_worker`)."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cli.signals import end_with_parent

if TYPE_CHECKING:
    from export.latency.result import Entry

HOST = "host"
MAX_ROUNDS, LONGEST_S = 20, 5.0
"""At most so many rounds, begun within so many seconds."""
MAX_SPREAD, QUIET = 0.05, 1.15
"""The medians of the two best rounds differ by that share at most, and the best is no larger than so many times the least run of all."""


def main() -> None:
    """Answers until stdin ends. The one argument is the process that it works for."""
    end_with_parent(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the converters print is no answer
    from sweeps.records.run_record import one_line

    for line in sys.stdin:
        try:
            answer = cost_of(json.loads(line))
        except Exception as error:
            answer = {"error": one_line(error)}
        print(json.dumps(answer), file=answers, flush=True)


def cost_of(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Hashes, size in bytes and timings of an untrained file; see `jobs.budget` for what is asked.

    Raises QuantizationError for a kind that needs training, LatencyError for a device that cannot be asked.
    """
    phone_must_be(asked["device"], asked["latency"])  # before what takes seconds to import
    from omegaconf import OmegaConf

    from export.graph import graph_hash, network_hash
    from export.untrained import untrained_file
    from lightning_modules.backbones.spec import InitialWeights

    start = InitialWeights(**asked["start"])
    data = untrained_file(
        OmegaConf.create(asked["config"]), start, asked["labels"], tuple(asked["size"]), asked["kind"], ordered=asked["ordered"]
    )  # fmt: skip
    known = {"graph": graph_hash(data), "network": network_hash(data), "size_bytes": len(data)}
    return known | {"timings": timings(data, asked["device"], asked["latency"])}


def timings(data: bytes, device: str | None, settings: Mapping[str, Any]) -> "list[Entry]":
    """A file's timings on a device by its `latency.host` or `latency.adb`; none where no device is asked for."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    if device is None:
        return []
    measure = instantiate(OmegaConf.create(dict(settings)))
    if device != HOST:
        return list(measure(data))
    return [quietest(lambda: dict(measure(data)[0]))]


def quietest(measure: "Callable[[], Entry]") -> "Entry":
    """A timing that nothing else on this machine has stretched: rounds until one is quiet and another agrees with it.

    Where none is, the least run of all stands for the median, and `steady` is false: no point shall be refused because this machine
    was busy.
    """
    began, found = time.monotonic(), [measure(), measure()]
    while not _agree(found) and len(found) < MAX_ROUNDS and time.monotonic() - began < LONGEST_S:
        found.append(measure())
    best = min(found, key=lambda one: float(one["latency_ms_p50"]))
    if _agree(found):
        return best | {"steady": True}
    return best | {"latency_ms_p50": min(float(one["latency_ms_min"]) for one in found), "steady": False}


def _agree(found: "list[Entry]") -> bool:
    first, second = sorted(float(one["latency_ms_p50"]) for one in found)[:2]
    least = min(float(one["latency_ms_min"]) for one in found)
    return second <= (1 + MAX_SPREAD) * first and first <= QUIET * least


def phone_must_be(device: str | None, settings: Mapping[str, Any]) -> None:
    """Raises LatencyError unless the phone of that name is the one that adb reaches; nothing for this machine."""
    if device is None or device == HOST:
        return
    from export.latency.phone import find_phone
    from export.latency.result import LatencyError

    found = find_phone(settings.get("serial"), settings.get("adb", "adb")).about()["device"]
    if found.casefold() != device.casefold():
        raise LatencyError(f"the phone that adb reaches is {found}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
