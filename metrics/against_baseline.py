"""Whether answers are better than the constant one, which looks at no picture."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from metrics.base import TaskMetrics
from metrics.figures import figure_text
from metrics.intervals import resampled_sources
from metrics.resampling import counted, drawn_figures, source_counts

if TYPE_CHECKING:
    import pandas as pd

BETTER, NOT_BETTER, CANNOT_BE_TOLD = "better", "not better", "cannot be told"
FEWEST_SOURCES = 10
"""With fewer sources an interval over them says nothing."""
DRAWS = 1000
TABLE_COLUMNS = ("baseline", "beats_baseline", "doubt")


def against_baseline(
    answers: "pd.DataFrame", constant: "pd.DataFrame", metrics: TaskMetrics, answer: str
) -> dict[str, Any]:
    """Holds answers against the constant answer to the same samples, paired over resampled sources.

    Args:
        answers, constant: rows of a predictions.parquet of one part, and the same as `TaskMetrics.with_constant` gives them.
        answer: the constant answer in words.

    Returns:
        For a record: verdict, answer, sources, and `figures`: of each figure in `metrics.beyond_baseline` value, baseline and gain
        with its 95 % interval, low and high, a gain above 0 being for the better whichever way the figure turns.

    """
    truth, given = metrics.truth_and_answers(answers)
    _, always = metrics.truth_and_answers(constant)
    source_ids = answers.source_id.to_numpy(str)
    figures: dict[str, dict[str, float]] = {}
    wanted = {name: metrics.figures[name] for name in metrics.beyond_baseline}
    at_once: dict[str, npt.NDArray[np.float64]] = {}
    if counted(wanted, truth, given, always):
        draws = source_counts(source_ids, DRAWS, 0)
        ours, theirs = (drawn_figures(truth, one, source_ids, wanted, draws) for one in (given, always))
        at_once = {name: ours[name] - theirs[name] for name in wanted}
    for name in metrics.beyond_baseline:
        figure, sign = metrics.figures[name], 1 if metrics.direction_of(name) == "max" else -1
        value, baseline = figure(truth, given), figure(truth, always)
        gains = (
            sign * at_once[name]
            if name in at_once
            else [
                sign * (figure(truth[drawn], given[drawn]) - figure(truth[drawn], always[drawn]))
                for drawn in resampled_sources(source_ids, DRAWS)
            ]
        )
        known = np.array(gains)[np.isfinite(gains)]  # a draw without any label ranks none
        low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
        gain = sign * (value - baseline)
        figures[name] = {"value": value, "baseline": baseline, "gain": gain, "low": float(low), "high": float(high)}
    sources = len(np.unique(source_ids))
    return {"verdict": _verdict(figures.values(), sources), "answer": answer, "sources": sources, "figures": figures}


def _verdict(figures: Iterable[Mapping[str, float]], sources: int) -> str:
    if sources < FEWEST_SOURCES:
        return CANNOT_BE_TOLD
    return BETTER if all(one["low"] > 0 for one in figures) else NOT_BETTER


def by_part(answers: "pd.DataFrame", baseline: Mapping[str, Any], metrics: TaskMetrics) -> dict[str, Any]:
    """`against_baseline` of each part among some answers of one checkpoint or file; nothing for a record without `value`."""
    if "value" not in baseline:
        return {}
    found = {}
    for part in ("val", "test"):
        here = answers[answers.part == part]
        if len(here):
            constant = metrics.with_constant(here, baseline["value"])
            found[part] = against_baseline(here, constant, metrics, baseline["answer"])
    return found


def telling(parts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of `by_part`: the test set's, which chose nothing, or where there is none the validation set's."""
    return (parts or {}).get("test") or (parts or {}).get("val")


def doubt(found: Mapping[str, Any] | None, metrics: TaskMetrics) -> str:
    """Why a network, or file, should not be taken unseen, in words; empty where it is better than its baseline, or nothing is known."""
    if not found or found["verdict"] == BETTER:
        return ""
    count = f"{found['sources']} source{'s' * (found['sources'] != 1)}"
    if found["verdict"] == CANNOT_BE_TOLD:
        shown = found["figures"]
        opening = f"cannot be told from {count} whether it is better than its baseline"
    else:
        shown = {name: one for name, one in found["figures"].items() if not one["low"] > 0}
        opening = f"not better than its baseline over {count}"
    figures = ", ".join(
        f"{metrics.title(name)} {figure_text(name, one['value'])} against {figure_text(name, one['baseline'])}"
        for name, one in shown.items()
    )
    return f"{opening} ({found['answer']}): {figures}"


def doubt_of_record(record: Mapping[str, Any], metrics: TaskMetrics) -> str:
    """`doubt` of a run, or of a file by what it says of itself; of one that was trained on all data, that of its folds."""
    if "expected" in record:
        return str(record["expected"]["doubt"])
    return doubt(telling(record.get("against_baseline")), metrics)


def table_columns(parts: Mapping[str, Any] | None, metrics: TaskMetrics | None) -> dict[str, str]:
    """What tables say of `by_part`: baseline (its answer and figures), beats_baseline (yes, no, cannot be told) and doubt."""
    found = telling(parts)
    if not found or metrics is None:
        return dict.fromkeys(TABLE_COLUMNS, "")
    figures = ", ".join(
        f"{metrics.title(name)} {figure_text(name, one['baseline'])}" for name, one in found["figures"].items()
    )
    beats = {BETTER: "yes", NOT_BETTER: "no"}.get(found["verdict"], found["verdict"])
    return {"baseline": f"{found['answer']}: {figures}", "beats_baseline": beats, "doubt": doubt(found, metrics)}


def beside_baseline(
    answers: "pd.DataFrame", records: Sequence[Mapping[str, Any]], metrics: TaskMetrics
) -> dict[str, str]:
    """Answers of several runs against the constant answer of each, as `table_columns` says it.

    Args:
        answers: rows of their predictions, with the column `record`: the place of a row's run among `records`.
        records: of the runs.
        metrics: of their task.

    """
    import pandas as pd

    baselines = [record.get("baseline", {}) for record in records]
    if not all("value" in one for one in baselines):
        return table_columns(None, None)
    parts = [(baseline, answers[answers.record == at]) for at, baseline in enumerate(baselines)]
    constant = pd.concat([metrics.with_constant(here, baseline["value"]) for baseline, here in parts])
    said = list(dict.fromkeys(baseline["answer"] for baseline, _ in parts))
    words = said[0] if len(said) == 1 else "each fold's own constant answer"
    found = against_baseline(pd.concat([here for _, here in parts]), constant, metrics, words)
    return table_columns({"test": found}, metrics)
