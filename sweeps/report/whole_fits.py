"""Networks that were trained on all data, as the report shows them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from metrics.lookup import metrics_of
from sweeps.analysis.expected import expected_text
from sweeps.records.latency import typical_ms
from sweeps.records.run_record import Status, read_record


@dataclass(frozen=True)
class WholeFile:
    """One of its files."""

    kind: str
    path: str
    """Relative to the sweep's folder."""
    expected: str
    agreement: float
    """Share of answers that are torch's."""
    latency_ms: float | None
    size_bytes: float
    marked: str


@dataclass(frozen=True)
class WholeFit:
    """One network."""

    run: str
    name: str
    expected: str
    doubt: str
    files: list[WholeFile]


def whole_fits(sweep: Path, runs: pd.DataFrame) -> list[WholeFit]:
    """Those of a sweep's finished runs that have no figures of their own, see `jobs.whole_fit`."""
    if not len(runs) or "fit" not in runs:
        return []
    found = []
    for run in runs.run[runs.fit.isin(["all", "ensemble"]) & (runs.status == Status.DONE)]:
        record = read_record(sweep / run)
        axes, metrics = record["axes"], metrics_of(str(record["axes"]["task"]))
        files = [
            WholeFile(kind, f"{run}/{entry['path']}", expected_text(entry["expected"], metrics), entry["agreement"],
                      typical_ms(entry["latency"][0]) if entry["latency"] else None, entry["size_bytes"], entry["marked"])
            for kind, entry in record.get("exports", {}).items() if "path" in entry
        ]  # fmt: skip
        name = f"{axes['backbone']} {axes['width']:g} at {axes['resolution']} px"
        if count := record["whole_fit"].get("networks"):
            name += f", the networks of {count} folds as one"
        promise = record["expected"]
        found.append(WholeFit(run, name, expected_text(promise, metrics), promise["doubt"], files))
    return found
