"""All draws at once give what each draw gives."""

import numpy as np
import pytest

from metrics.grading import GradingMetrics
from metrics.intervals import bootstrap_interval, resampled_sources
from metrics.resampling import drawn_figures, source_counts


@pytest.mark.parametrize("sources", [1, 4, 30])
@pytest.mark.parametrize("classes", [2, 5])
def test_figures_of_counts_are_those_of_samples(sources, classes):
    rng = np.random.default_rng(sources)
    labels = rng.integers(classes, size=120) * (rng.random(120) < 0.4)
    grades = np.where(rng.random(120) < 0.7, labels, rng.integers(classes, size=120))
    source_ids = np.array([f"s{one}" for one in rng.integers(sources, size=120)])
    figures = GradingMetrics.figures
    found = drawn_figures(labels, grades, source_ids, figures, source_counts(source_ids, 40, 0))
    for at, chosen in enumerate(resampled_sources(source_ids, 40, 0)):
        for name, figure in figures.items():
            assert found[name][at] == pytest.approx(figure(labels[chosen], grades[chosen]), nan_ok=True, abs=1e-12)
    plain = {name: (lambda *arrays, one=figure: one(*arrays)) for name, figure in figures.items()}
    slow = bootstrap_interval(labels, grades, source_ids, plain, repeats=200)
    quick = bootstrap_interval(labels, grades, source_ids, dict(figures), repeats=200)
    for name in figures:
        assert quick[name] == pytest.approx(slow[name], nan_ok=True)
