"""Which grades are accepted and which are left to a person, so that few damaged cells pass as undamaged: conformal risk control.

Angelopoulos et al. 2022, "Conformal risk control", equation 4: with n exchangeable units whose losses fall with a threshold and are
at most 1, the least threshold at which n / (n + 1) of their mean loss, and 1 / (n + 1), are together at most alpha keeps the loss that is
expected of the next unit at alpha. The units are sources (phones), never their cells; a source's loss is the share of its damaged cells
that pass. So it is a promise about the mean over damaged sources, each counting alike.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Numbers = npt.NDArray[np.float64]
ROUNDING = 1e-12


class PromiseError(ValueError):
    """A promise that so few sources cannot keep; the message says how many it needs."""


def needed_sources(most_missed: float) -> int:
    """With how many damaged sources at least a share can be promised: 9 for 10 %, 19 for 5 %."""
    return math.ceil(1 / most_missed - 1 - ROUNDING)


def least_promise(sources: int) -> float:
    """The smallest share that so many damaged sources can promise."""
    return 1 / (sources + 1)


def passing_scores(grades: npt.NDArray[np.int64], probabilities: Any) -> Numbers:
    """Of each sample `(N,)` what it would pass by: the probability of grade 0 where that is the grade, else 0.

    Args:
        grades: decoded, `(N,)`.
        probabilities: `(N, K)`.

    """
    return np.where(grades == 0, np.asarray(probabilities, np.float64)[:, 0], 0.0)


@dataclass(frozen=True)
class Answers:
    """What a file answered to samples whose labels are known; a sample passes as undamaged where its score is above the threshold.

    Attributes:
        labels, grades: `(N,)`, 0 the undamaged one.
        scores: `(N,)`, see `passing_scores`.
        source_ids: `(N,)`.

    """

    labels: npt.NDArray[np.int64]
    grades: npt.NDArray[np.int64]
    scores: Numbers
    source_ids: npt.NDArray[np.str_]

    @classmethod
    def of(cls, frame: "pd.DataFrame") -> "Answers":
        """Of rows of a predictions.parquet of a grading task."""
        grades = frame.grade.to_numpy(np.int64)
        scores = passing_scores(grades, np.array(frame.probabilities.tolist()))
        return cls(frame.label.to_numpy(np.int64), grades, scores, frame.source_id.to_numpy(str))

    def among(self, chosen: npt.NDArray[np.bool_]) -> "Answers":
        """Those of some of the samples."""
        return Answers(self.labels[chosen], self.grades[chosen], self.scores[chosen], self.source_ids[chosen])

    @cached_property
    def damaged_sources(self) -> npt.NDArray[np.str_]:
        """Sources with a damaged sample, by name; there is nothing to miss on the others."""
        return np.unique(self.source_ids[self.labels > 0])

    @cached_property
    def _weighed(self) -> tuple[Numbers, Numbers]:
        """Distinct scores above 0 of the damaged samples, rising, and what the mean loss of the sources falls by at each."""
        damaged = self.labels > 0
        _, source, counts = np.unique(self.source_ids[damaged], return_inverse=True, return_counts=True)
        weights = 1 / (counts[source] * max(len(counts), 1))
        scores, place = np.unique(self.scores[damaged], return_inverse=True)
        falls = np.bincount(place, weights=weights, minlength=len(scores)).astype(np.float64)
        return scores[scores > 0], falls[scores > 0]

    def missed(self, thresholds: Any) -> Numbers:
        """Mean over the damaged sources of the share of their damaged samples that pass, at each threshold `(T,)`."""
        scores, falls = self._weighed
        above = np.append(np.cumsum(falls[::-1])[::-1], 0.0)
        return above[np.searchsorted(scores, np.atleast_1d(thresholds), side="right")]

    def asked(self, thresholds: Any) -> Numbers:
        """The share of all samples that is left to a person at each threshold `(T,)`: of grade 0 and not above it."""
        undamaged = np.sort(self.scores[self.grades == 0])
        return np.searchsorted(undamaged, np.atleast_1d(thresholds), side="right") / max(len(self.labels), 1)

    def threshold(self, most_missed: float) -> float:
        """The least score that is not enough to pass, so that at most `most_missed` of a new source's damaged samples are expected to.

        Raises PromiseError where there are too few damaged sources.
        """
        count, needed = len(self.damaged_sources), needed_sources(most_missed)
        if count < needed:
            there = f"there {'is' if count == 1 else 'are'} {count or 'none'}"
            raise PromiseError(f"{100 * most_missed:g} % needs {needed} damaged sources, {there}")
        candidates = np.append(0.0, self._weighed[0])
        bounds = (count * self.missed(candidates) + 1) / (count + 1)
        return float(candidates[np.argmax(bounds <= most_missed + ROUNDING)])


def promise(answers: Answers, most_missed: float, how: str) -> dict[str, Any]:
    """What a file says of whom to ask, for its metadata and its entry in the record.

    Returns:
        most_missed, how (in words), damaged_sources, sources, samples; and threshold (a grade 0 is accepted where its probability is
        above it), asked (share of the samples that were left to a person) and missed (what passed, mean over damaged sources);
        or, where it cannot be promised, refused, in words.

    """
    found: dict[str, Any] = {"most_missed": most_missed, "how": how, "damaged_sources": len(answers.damaged_sources)}
    found |= {"sources": len(np.unique(answers.source_ids)), "samples": len(answers.labels)}
    try:
        threshold = answers.threshold(most_missed)
    except PromiseError as error:
        return found | {"refused": str(error)}
    return found | {
        "threshold": threshold,
        "asked": float(answers.asked(threshold)[0]),
        "missed": float(answers.missed(threshold)[0]),
    }


def promise_text(found: Mapping[str, Any]) -> str:
    """A promise, or why there is none, as one line."""
    if "refused" in found:
        return f"no promise: {found['refused']} ({found['how']})"
    return (
        f"{promise_words(found)}, where the best grade is accepted above {found['threshold']:.4f}; that leaves {100 * found['asked']:.1f} % of the samples to a person "
        f"({found['how']}, {found['damaged_sources']} damaged sources)"
    )


def promise_words(found: Mapping[str, Any], source: str = "source") -> str:
    """What a threshold promises, as part of a line; `source`: what sources are called."""
    return f"at most {100 * found['most_missed']:g} % of a damaged {source}'s damage is expected to pass"


def asks(found: Mapping[str, Any] | None, grades: npt.NDArray[np.int64], probabilities: Any) -> npt.NDArray[np.bool_]:
    """Which samples are left to a person `(N,)`: none where a file has no threshold.

    Args:
        found: as `promise` gives it, None of a file that has none.
        grades: decoded, `(N,)`.
        probabilities: `(N, K)`.

    """
    if not found or "threshold" not in found:
        return np.zeros(len(grades), bool)
    return np.asarray((grades == 0) & (passing_scores(grades, probabilities) <= found["threshold"]))


@dataclass(frozen=True)
class LeftOut:
    """Each damaged source judged by the threshold that the other sources give.

    Attributes:
        source_ids: those that are damaged, `(n,)`.
        missed: of each the share of its damaged samples that passed.
        asked: share of all sources' samples that were left to a person, each by the threshold of the others.

    """

    source_ids: npt.NDArray[np.str_]
    missed: Numbers
    asked: float

    def interval(self, repeats: int = 2000, seed: int = 0) -> tuple[float, float]:
        """95 % percentile interval of the mean of `missed` over resampled sources."""
        rng, count = np.random.default_rng(seed), len(self.missed)
        drawn = self.missed[rng.integers(count, size=(repeats, count))].mean(axis=1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        return float(low), float(high)


def leave_one_out(answers: Answers, most_missed: float) -> LeftOut:
    """How a promise is kept on sources that did not set its threshold. Raises PromiseError where too few are left."""
    missed, asked = [], 0.0
    sources = np.unique(answers.source_ids)
    for source in sources:
        own = answers.source_ids == source
        threshold, left = answers.among(~own).threshold(most_missed), answers.among(own)
        asked += float(left.asked(threshold)[0]) * len(left.labels)
        missed.append(float(left.missed(threshold)[0]))
    damaged = np.isin(sources, answers.damaged_sources)
    return LeftOut(sources[damaged], np.array(missed)[damaged], asked / len(answers.labels))
