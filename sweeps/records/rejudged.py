"""Records judged by other metrics than those that they were written by (`metrics.lookup.judged_by`): from their confusion matrices and answers."""

from pathlib import Path
from typing import Any

from metrics.against_baseline import by_part
from metrics.base import TaskMetrics
from metrics.lookup import judged_mark, metrics_of
from sweeps.records.answers import AnswersError, answers_of, say_left_out
from sweeps.records.checkpoints import shipped_checkpoint
from sweeps.records.run_record import Record


def rejudged(folder: Path, record: Record) -> Record:
    """A run's record with what the metrics in force derive of each figure, and with its answers and its files' held against the
    baseline by them; as it is where nothing is judged otherwise. `folder`: the run's.
    """
    metrics = metrics_of(str(record["axes"]["task"])) if judged_mark() else None
    if metrics is None or not metrics.mark or "metrics" not in record:
        return record
    baseline = dict(record.get("baseline", {}))
    if "value" in baseline:
        baseline |= metrics.derived_constant(record["metrics"], baseline["value"])
    exports = {
        kind: entry | metrics.derived(entry) | _compared(folder / "export", {"file": kind}, baseline, metrics)
        for kind, entry in record.get("exports", {}).items()
    }
    shipped = {"checkpoint": shipped_checkpoint(record)}
    found = record | {"metrics": record["metrics"] | metrics.derived(record["metrics"]), "exports": exports}
    return found | {"baseline": baseline} | _compared(folder, shipped, baseline, metrics)


def _compared(folder: Path, of: dict[str, str], baseline: Record, metrics: TaskMetrics) -> dict[str, Any]:
    """Beside the baseline by the answers that lie in a folder, of those with this value in a column."""
    path = folder / "predictions.parquet"
    if not path.is_file():
        return {"against_baseline": {}}
    try:
        answers = answers_of(path)
    except AnswersError as error:
        say_left_out(error)
        return {"against_baseline": {}}
    for column, value in of.items():
        answers = answers[answers[column] == value]
    return {"against_baseline": by_part(answers, baseline, metrics)}
