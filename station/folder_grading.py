"""A folder of photos → a grade for each device, tables, pictures and a contact sheet; stopped at any moment, it goes on."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from metrics.conformal import promise_words
from station.contact_sheet import PICTURES, THUMBNAILS, write_contact_sheet
from station.devices import Listed, devices_of, grouped, pattern_of, read_listed
from station.drift import Seen, compare
from station.grading_processes import PhotoJob, graded, worth_starting
from station.joining import Device, joined, pooled_agreement
from station.order import Order, Summary
from station.output_folder import check_output, held
from station.photo_files import PhotoFile, find_photos
from station.photo_grader import PhotoGrader
from station.progress import Progress
from station.reference import lines_of, read_reference
from station.results_log import ResultsLog
from station.tables import write_cells, write_devices, write_refused
from tasks.grading import RunGrader

Results = dict[str, dict[str, Any]]


def grade_folder(order: Order) -> Summary:
    """Grades what is not graded yet, then writes everything anew from all results.

    Raises DataError, GradingError and FileError for what cannot be begun, OSError for what cannot be written.
    """
    pattern = pattern_of(order.device_pattern) if order.device_pattern else None
    files = find_photos(order.photos, order.output)
    listed = read_listed(files.base)
    photos = [one for one in files.photos if one.name not in listed.unusable]
    refused = files.refused | _listed_but_not_there(listed, files.photos, files.refused)
    devices, notes = devices_of([one.name for one in photos], listed, order.devices, pattern)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    check_output(order.output, files.base)
    by = order.setup.grader()
    earlier = [] if order.reference is None else read_reference(order.reference, by.digest)
    settings: dict[str, Any] = {
        "network": str(order.network),
        "join": order.join,
        "rules": [rule.settings for rule in by.rules],
        "by": by.digest,
        "device": by.device,
        "labels": by.labels,
        "grid": vars(by.grid),
    }
    settings |= {} if by.cost is None else {"cost": by.cost.tolist()}
    if by.marker is not None:
        settings |= {"damage": str(order.damage)}
        settings |= {} if by.marker.screen_mm is None else {"screen_mm": list(by.marker.screen_mm)}
    with held(order.output, files.base, settings):
        log = ResultsLog(order.output / "results.jsonl", by.digest, by.grid, by.labels)
        results, new, seconds = _results(order, by, photos, listed, log)
        refused |= {name: one["refused"] for name, one in results.items() if "refused" in one}
        good = {name: one for name, one in results.items() if "refused" not in one}
        found = [
            joined(name, [good[one] for one in names], order.join, by.rules, by.labels, by.grid)
            for name, names in grouped({name: devices[name] for name in good}).items()
        ]
        told = _against(order, earlier, found)
        moved = None if by.cost is None else _moved(good.values())
        summary = Summary(found, refused, new, seconds, by.promise, by.unknown, moved, tuple(told))
        _write(order, by, good, {one.name: one.drawn for one in photos}, summary)
    return summary


def _results(
    order: Order, by: PhotoGrader, photos: Sequence[PhotoFile], listed: Listed, log: ResultsLog
) -> tuple[Results, int, float]:
    """Of every photo, in their order; those that are graded by this command, and the seconds that it took."""
    known = log.read()
    made = {one.name: log.made_of(one) | _corners_key(listed, one.name) for one in photos}
    places = {one.name: _pictures(order.output, one) for one in photos}
    results = {
        one.name: known[one.name]
        for one in photos
        if one.name in known
        and known[one.name]["made_of"] == made[one.name]
        and ("refused" in known[one.name] or all(place.is_file() for place in places[one.name]))
    }
    jobs = [
        PhotoJob(one.name, one.path, listed.corners.get(one.name), *places[one.name])
        for one in photos
        if one.name not in results
    ]
    if results and jobs:
        print(f"note: {len(results)} of {len(photos)} photos are graded already", file=sys.stderr)
    if jobs and isinstance(by.grader, RunGrader):
        by.load()
    with Progress(len(photos), len(results)) as progress:
        for job, found in graded(jobs, order.setup, by, order.jobs or worth_starting(len(jobs))):
            results[job.name] = {"photo": job.name} | found | {"made_of": made[job.name]}
            log.append(results[job.name])
            progress.one(refused="refused" in found)
        seconds = progress.seconds
    ordered = {one.name: results[one.name] for one in photos}
    log.keep(ordered, ordered)
    return ordered, len(jobs), seconds


def _corners_key(listed: Listed, name: str) -> dict[str, Any]:
    return {"corners": list(listed.corners[name])} if name in listed.corners else {}


def _pictures(output: Path, photo: PhotoFile) -> tuple[Path, Path]:
    return output / PICTURES / photo.drawn, output / THUMBNAILS / photo.drawn


def _listed_but_not_there(listed: Listed, photos: Sequence[PhotoFile], refused: Mapping[str, str]) -> dict[str, str]:
    there = {one.name for one in photos} | refused.keys()
    missing = {name: "photos.csv lists it; there is no such file" for name in listed.devices if name not in there}
    return missing | {name: "marked unusable in photos.csv" for name in listed.unusable if name in there}


def _against(order: Order, earlier: Sequence[Seen], devices: Sequence[Device]) -> list[str]:
    if order.reference is None:
        return []
    compared = compare(earlier, devices, order.false_alarms)
    return lines_of(compared, order.reference, len(earlier), len(devices), order.false_alarms)


def _write(order: Order, by: PhotoGrader, results: Results, drawn: Mapping[str, str], summary: Summary) -> None:
    output = order.output
    _remove_strangers(output, {drawn[name] for name in results})
    write_devices(output / "devices.csv", summary.devices)
    write_cells(output / "cells.csv", summary.devices, results, by.labels, by.grid)
    write_refused(output / "refused.csv", summary.refused)
    facts = [
        ("devices", f"{len(summary.devices):,}"),
        ("photos", f"{len(results):,}"),
        ("refused", f"{len(summary.refused):,}"),
    ]
    if pooled := pooled_agreement(summary.devices):
        facts.append(("agreement of photos", f"{100 * pooled[0]:.0f} %"))
    if summary.promise:
        facts.append(("cells to look at", f"{summary.to_look_at[0]:,}"))
    if summary.unknown:
        facts.append(("unknown cells", f"{summary.strange[0]:,}"))
    answers = {name: [cell["grade"] for cell in one["cells"]] for name, one in results.items()}
    write_contact_sheet(output / "index.html", order.photos.resolve().name, summary.devices, drawn, summary.refused, by.rules,
                        by.labels, by.grid, facts, answers, by.digest, summary.promise, summary.unknown)  # fmt: skip


def _moved(results: Iterable[Mapping[str, Any]]) -> tuple[int, int, int]:
    steps = [cell["grade"] - cell["own_grade"] for one in results for cell in one["cells"]]
    return sum(step > 0 for step in steps), sum(step < 0 for step in steps), len(steps)


def _remove_strangers(output: Path, drawn: set[str]) -> None:
    """Pictures of photos that are not in the folder any more."""
    for folder in (PICTURES, THUMBNAILS):
        for path in (output / folder).rglob("*.jpg"):
            if path.relative_to(output / folder).as_posix() not in drawn:
                path.unlink()


def lines(summary: Summary, output: Path) -> list[str]:
    """The summary as it is printed."""
    photos = sum(len(one.photos) for one in summary.devices)
    speed = f", {3600 * summary.new / summary.seconds:,.0f} photos an hour" if summary.new and summary.seconds else ""
    found = [f"{_count(photos, 'photo')} of {_count(len(summary.devices), 'device')} graded{speed}"]
    counts = Counter(one.grade for one in summary.devices)
    found.append(", ".join(f"{grade}: {count}" for grade, count in counts.most_common()))
    if pooled := pooled_agreement(summary.devices):
        found.append(
            f"two photos of one device grade {100 * pooled[0]:.1f} % of its cells alike ({_count(pooled[1], 'pair')})"
        )
    if summary.moved:
        worse, better, cells = summary.moved
        found.append(
            f"by what mistakes cost {worse:,} of {cells:,} cells are graded worse than by the network, {better:,} better"
        )
    if summary.promise:
        cells, devices = summary.to_look_at
        found.append(
            f"{_count(cells, 'cell')} of {_count(devices, 'device')} to look at ({promise_words(summary.promise, 'phone')})"
        )
    if summary.unknown:
        cells, devices = summary.strange
        found.append(f"{_count(cells, 'cell')} of {_count(devices, 'device')} like nothing in training (unknown)")
    if summary.refused:
        found.append(f"{_count(len(summary.refused), 'photo')} refused: {output / 'refused.csv'}")
    return [
        *found,
        *summary.against_reference,
        f"tables: {output / 'devices.csv'}, {output / 'cells.csv'}",
        f"contact sheet: {output / 'index.html'}",
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
