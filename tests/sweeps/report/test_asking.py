"""The report's curve of what a person looks at against what passes."""

import re

import numpy as np
import pandas as pd
import pytest

from metrics.conformal import Answers
from sweeps.records.run_record import update_record
from sweeps.report.asking import SHARES, drawn
from sweeps.report.report import write_report
from tests.metrics.test_conformal import drawn as phones
from tests.sweeps.made import add_run


def answered(folder, answers, part):
    """Writes a run's answers by its two files."""
    shares = np.where(answers.grades == 0, answers.scores, 0.2)
    rows = pd.DataFrame(
        {"sample": [f"c{at}" for at in range(len(shares))], "source_id": answers.source_ids, "group": "", "part": part,
         "label": answers.labels, "grade": answers.grades, "probabilities": [[one, 1 - one] for one in shares]}
    )  # fmt: skip
    (folder / "export").mkdir()
    path = folder / "export" / "predictions.parquet"
    pd.concat([rows.assign(file=kind) for kind in ("float32", "int8")]).to_parquet(path)


def test_the_curve_and_its_marks_are_those_of_the_answers():
    answers = phones(np.random.default_rng(1), 30)
    found = drawn("a file", answers, "on the validation set")
    points = np.array([[float(one) for one in point.split(",")] for point in found.curve.split()])
    assert (np.diff(points[:, 0]) > 0).all()
    assert (np.diff(points[:, 1]) >= 0).all()  # downwards: less passes the more is looked at
    known = {line.most_missed: line for line in found.lines}
    count = len(answers.damaged_sources)
    assert [share for share, line in known.items() if line.refused] == [one for one in SHARES if 1 / (count + 1) > one]
    for share, line in known.items():
        if line.refused:
            continue
        assert line.threshold == answers.threshold(share)
        gaps = np.hypot(points[:, 0] - line.x, points[:, 1] - line.y)
        assert gaps.min() < 12
        assert line.others[1] <= line.others[0] <= line.others[2]


def test_it_stands_in_the_report_by_the_files_own_answers(tmp_path):
    answers = phones(np.random.default_rng(1), 30)
    folder = add_run(tmp_path, 0.7)
    assert 'id="asking"' not in write_report(tmp_path).read_text()
    answered(folder, answers, "val")
    page = write_report(tmp_path).read_text()
    told = page[page.index('id="asking"') :]
    assert f"450 cells of 30 sources, {len(answers.damaged_sources)} of them damaged" in told
    assert (
        f"<td>{answers.threshold(0.2):.4f}</td><td>{100 * answers.asked(answers.threshold(0.2))[0]:.1f} %</td>" in told
    )
    assert "cannot be promised: 5 % needs 19 damaged sources, there are" in told
    update_record(folder, lambda record: record | {"data": record["data"] | {"ordered": False}})
    assert 'id="asking"' not in write_report(tmp_path).read_text()


@pytest.mark.parametrize("part", ["val", "test"])
def test_folds_are_pooled(tmp_path, part):
    answers = phones(np.random.default_rng(1), 30)
    for fold in (0, 1):
        own = np.isin(answers.source_ids, [f"phone{at}" for at in range(fold, 30, 2)])
        mine = answers.among(own)
        answered(add_run(tmp_path, 0.7, fold=fold), mine, part)
        path = next(tmp_path.glob(f"*fold-{fold}/export/predictions.parquet"))
        rows = pd.read_parquet(path)
        rows.assign(sample=f"{fold} " + rows["sample"]).to_parquet(path)
    page = write_report(tmp_path).read_text()
    assert "Out of fold over 2 runs, pooled: 450 cells of 30 sources" in re.sub(r"\s+", " ", page)
    assert f"<td>{Answers.threshold(answers, 0.2):.4f}</td>" in page
