"""What the grading station counts, for Prometheus: requests, times, answers, and what the photos look like."""

from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from station.drift import Compared, Observation

SECONDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30)
SHARES = tuple(round(0.05 * step, 2) for step in range(1, 21))
SHARPNESS = tuple(round(0.25 * step, 2) for step in range(-4, 17))
"""log10 of a variance, see `station.drift.Observation`."""


class StationMetrics:
    """Of one server.

    Args:
        waiting: how many photos wait or are graded at the moment.

    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, waiting: Callable[[], float]) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each: when it began
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.requests = Counter("gridlite_requests", "Answered requests.", ["path", "status"], registry=registry)
        self.seconds = Histogram(
            "gridlite_request_seconds",
            "From a request's head to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        Gauge("gridlite_photos_waiting", "Photos that wait or are graded.", registry=registry).set_function(waiting)
        self.photos = Counter(
            "gridlite_photos", "Photos, by what came of them.", ["model", "result"], registry=registry
        )
        self.cells = Counter("gridlite_cells", "Graded cells, by label.", ["model", "label"], registry=registry)
        self.devices = Counter("gridlite_devices", "Graded devices, by grade.", ["model", "grade"], registry=registry)
        self.figures = {
            name: Histogram(f"gridlite_{name}", about, ["model"], buckets=buckets, registry=registry)
            for name, about, buckets in (
                ("brightness", "Mean luma of straightened phones, 0 to 1.", SHARES),
                ("surround", "Median luma of what lies around them, 0 to 1.", SHARES),
                ("sharpness", "log10 of the variance of their Laplacian.", SHARPNESS),
                ("damage", "Mean expected grade of their cells, 0 to 1.", SHARES),
                ("confidence", "Mean probability of their cells' grades.", SHARES),
            )
        }
        self.windows = Counter(
            "gridlite_drift_windows", "Windows held against the reference.", ["model"], registry=registry
        )
        self.alarms = Counter(
            "gridlite_drift_alarms", "Windows in which something had changed.", ["model"], registry=registry
        )
        self.changed = Gauge(
            "gridlite_drift_changed", "1: changed in the last window.", ["model", "figure"], registry=registry
        )
        self.p = Gauge("gridlite_drift_p", "Of the last window's tests.", ["model", "figure"], registry=registry)

    def photo(self, model: str, result: dict[str, Any]) -> None:
        """A graded photo, as `PhotoGrader.grade` gives it."""
        self.photos.labels(model, "graded").inc()
        for cell in result["cells"]:
            self.cells.labels(model, cell["label"]).inc()

    def device(self, model: str, device: Observation) -> None:
        """A device of one or several photos."""
        self.devices.labels(model, device.grade).inc()
        for name, histogram in self.figures.items():
            histogram.labels(model).observe(getattr(device, name))

    def window(self, model: str, compared: Sequence[Compared]) -> None:
        """A full window."""
        self.windows.labels(model).inc()
        self.alarms.labels(model).inc(any(one.changed for one in compared))
        for one in compared:
            self.changed.labels(model, one.figure).set(one.changed)
            self.p.labels(model, one.figure).set(one.p)

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        return generate_latest(self.registry)
