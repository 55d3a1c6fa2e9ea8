"""A sweep judged by what a wrong grade costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from metrics.cost import Cost, CostedGrading, CostError
from metrics.grading import GradingMetrics
from metrics.lookup import judged_by, metrics_of
from sweeps.records.run_record import Record, RecordError, Status, find_runs, read_record


@contextmanager
def costed(sweep: Path, cost: Any) -> Iterator[None]:
    """Judges the graders of a sweep by a cost, as `metrics.cost.Cost.read` takes it, while the block runs; None judges as ever.

    Raises CostError for a cost that cannot be, or that no finished grader of the sweep goes with.
    """
    if cost is None:
        yield
        return
    given = Cost.read(cost)
    graders = _graders(sweep)
    record = next(graders, None)
    if record is None:
        raise CostError(f"cost: {sweep} has no finished run that gives each picture one of several grades")
    if given.rows is None and not record["data"].get("ordered", True):
        raise CostError("cost: the classes have no order, so that none of them is the undamaged one; want a matrix")
    with judged_by(str(record["axes"]["task"]), CostedGrading(given, len(record["data"]["class_names"]))):
        yield


def _graders(sweep: Path) -> Iterator[Record]:
    for folder in find_runs(sweep):
        try:
            record = read_record(folder)
            graded = type(metrics_of(str(record["axes"]["task"]))) is GradingMetrics
        except (RecordError, KeyError, ValueError):
            continue
        if graded and record.get("status") == Status.DONE:
            yield record
