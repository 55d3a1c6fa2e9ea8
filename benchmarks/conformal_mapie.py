"""Thresholds of metrics/conformal.py held against MAPIE's conformal risk control: `<python with mapie 1.6> -m benchmarks.conformal_mapie`.

A phone is an observation with a label for each of its cells, a damaged cell a true label, a cell that does not pass a predicted one; missed
damage is 1 less MAPIE's recall. Phones without damage have no recall and take part in neither. Needs numpy and mapie, nothing of gridlite's own.
"""

import argparse

import numpy as np
from mapie.risk_control import MultiLabelClassificationController  # type: ignore[import-not-found]

from metrics.conformal import Answers, least_promise

CELLS = 15


def drawn(rng: np.random.Generator, phones: int) -> Answers:
    """Damaged phones that differ in how well their damage is seen, graded by probabilities in steps of 1 / 256, as int8 files have them."""
    labels = (rng.random((phones, CELLS)) < rng.uniform(0.05, 0.9, (phones, 1))).astype(np.int64)
    labels[np.arange(phones), rng.integers(CELLS, size=phones)] = 1
    seen = rng.normal(size=(phones, 1)) + rng.normal(size=(phones, CELLS)) + np.where(labels, -1.0, 2.0)
    shares = np.round(256 / (1 + np.exp(-seen))) / 256
    grades = (shares < 0.5).astype(np.int64)
    names = np.repeat([f"{at:03}" for at in range(phones)], CELLS)
    return Answers(labels.ravel(), grades.ravel(), np.where(grades == 0, shares, 0).ravel(), names)


def by_mapie(answers: Answers, most_missed: float) -> float:
    """Its threshold in our terms. Its candidates lie between the scores: it predicts above a parameter, we pass above a score."""
    scores = np.unique(np.append(answers.scores, 0.0))
    between = 1 - scores - np.diff(np.append(scores, scores[-1] + 1e-3)).min() / 4
    control = MultiLabelClassificationController(
        predict_function=lambda given: given, risk="recall", method="crc", target_level=1 - most_missed, predict_params=between[::-1]
    )  # fmt: skip
    phones = answers.labels.reshape(-1, CELLS)
    control.calibrate(1 - answers.scores.reshape(-1, CELLS), phones)
    return float(scores[np.argmin(np.abs(between - control.best_predict_param[0]))])


def main() -> None:
    """Draws phones, compares, and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformal_mapie", description=main.__doc__)
    parser.add_argument("--draws", type=int, default=60, help="of each number of phones")
    draws, rng = parser.parse_args().draws, np.random.default_rng(0)
    for phones in (15, 40, 200):
        for most_missed in (share for share in (0.05, 0.1, 0.2, 0.3) if share >= least_promise(phones)):
            differences, passed = [], []
            for _ in range(draws):
                answers, later = drawn(rng, phones), drawn(rng, 200)
                own = answers.threshold(most_missed)
                differences.append(abs(own - by_mapie(answers, most_missed)))
                passed.append(float(later.missed(own)[0]))
            print(
                f"{phones} damaged phones, {100 * most_missed:g} %: same threshold as MAPIE in {sum(one == 0 for one in differences)} of {draws} draws, "
                f"largest difference {max(differences):.2g}; {100 * np.mean(passed):.2f} % of new phones' damage passed"
            )


if __name__ == "__main__":
    main()
