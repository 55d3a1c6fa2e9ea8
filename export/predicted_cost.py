"""Makes and times untrained files on request: a line of JSON on stdin for each, a line of JSON as the answer (`jobs.cost_worker`)."""

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cli.signals import end_with_parent

if TYPE_CHECKING:
    from export.latency.result import Entry

HOST = "host"
MAX_ROUNDS, MAX_SPREAD = 5, 0.05
"""A machine that does something else is slow now and then: two rounds in a row have to agree within that share, at most so many."""


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
    found = [measure(data)[0]]
    while len(found) < MAX_ROUNDS:
        found.append(measure(data)[0])
        last, now = (one["latency_ms_p50"] for one in found[-2:])
        if abs(last - now) <= MAX_SPREAD * min(last, now):
            break
    return [min(found, key=lambda one: float(one["latency_ms_p50"]))]


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
