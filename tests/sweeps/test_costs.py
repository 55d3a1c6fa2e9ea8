"""Tables, front and report of a sweep that is judged by what a wrong grade costs."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from choices import ROOT
from metrics.cost import Cost, CostError, least_cost
from metrics.figures import main_figure
from metrics.lookup import judged_mark
from sweeps.records.costs import costed
from sweeps.records.run_record import update_record
from sweeps.report.report import gather, write_report
from sweeps.tables.pooled import pooled
from sweeps.tables.runs import collect, read_sweep
from tests.sweeps.made import add_run

COST = "{missed_damage: 10, false_alarm: 1}"


def graded(sweep, width, miss, alarm):
    """A run of 12 phones, on which it calls a share of the damaged cells undamaged and a share of the undamaged damaged, by both files."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 0, 0, 1, 4], 24)
    turned = rng.permutation(len(labels))
    grades = labels.copy()
    for kind, share in ((labels > 0, miss), (labels == 0, alarm)):
        places = turned[kind[turned]]
        some = places[: round(share * len(places))]
        grades[some] = np.where(labels[some] > 0, 0, 1)
    shares = np.full((len(labels), 5), 0.05)
    shares[np.arange(len(labels)), grades] = 0.8
    confusion = np.zeros((5, 5), int)
    np.add.at(confusion, (labels, grades), 1)
    folder = add_run(sweep, float(np.mean(labels == grades)), width=width)
    rows = pd.DataFrame({"sample": [f"{at}" for at in range(120)], "source_id": [f"p{at // 10}" for at in range(120)], "group": "",
                         "part": "val", "label": labels, "grade": grades, "probabilities": list(shares)})  # fmt: skip
    rows.assign(checkpoint="last").to_parquet(folder / "predictions.parquet")
    (folder / "export").mkdir()
    pd.concat([rows.assign(file=kind) for kind in ("float32", "int8")]).to_parquet(
        folder / "export" / "predictions.parquet"
    )

    def entered(record):
        figures = {"val/confusion": confusion.tolist(), "val/macro_f1": record["metrics"]["val/macro_f1"]}
        exports = {kind: entry | figures for kind, entry in record["exports"].items()}
        baseline = {"answer": "always no damage", "value": 0, "val/accuracy": 0.6}
        return record | {"metrics": record["metrics"] | figures, "exports": exports, "baseline": baseline}

    update_record(folder, entered)
    return folder


@pytest.fixture
def sweep(tmp_path):
    """Two networks: the smaller is right more often, the larger misses less damage."""
    graded(tmp_path / "first", 0.25, miss=0.25, alarm=0.0)
    graded(tmp_path / "first", 0.5, miss=0.0, alarm=0.25)
    return tmp_path / "first"


def test_what_is_best_follows_the_cost(sweep):
    plain = {row.width: row for row in collect(sweep).itertuples()}
    assert plain[0.25]._asdict()["beats_baseline"] == ""
    assert max(plain, key=lambda width: collect(sweep).set_index("width")["val/accuracy"][width]) == 0.25
    with costed(sweep, COST):
        runs, files = read_sweep(sweep)
        assert main_figure(runs) == "val/cost"
        assert dict(zip(runs.width, runs["val/cost"], strict=True)) == {
            0.25: pytest.approx(1.0),
            0.5: pytest.approx(0.15),
        }
        assert set(files["val/cost"].round(9)) == {1.0, 0.15}
        found = gather(sweep)
        assert [one.val for one in found["advice"][0][1]][-1] == pytest.approx(0.15)
        assert "0.5" in found["advice"][0][1][-1].name
        assert dict(zip(runs.width, runs.beats_baseline, strict=True)) == {0.25: "yes", 0.5: "yes"}
        assert set(runs.baseline) == {"always no damage: expected cost 4"}
    assert judged_mark() == ""
    assert "val/cost" not in collect(sweep)


def test_what_is_kept_of_one_cost_is_not_taken_for_another(sweep):
    for fold in (1, 2):
        for folder in list(sweep.iterdir()):
            if folder.name.endswith("fold-0"):
                other = sweep / f"{folder.name[:-1]}{fold}"
                shutil.copytree(folder, other)
                update_record(other, lambda record, fold=fold: record | {"axes": record["axes"] | {"fold": fold}})
    seen = []
    for cost in (COST, "{missed_damage: 4, false_alarm: 1}", COST):
        with costed(sweep, cost):
            rows = pooled(sweep)
            seen.append(sorted(rows[rows.group == "all"].cost.round(3)))
            assert (rows.cost_low <= rows.cost).all()
            assert (rows.cost <= rows.cost_high).all()
    assert seen == [[0.15, 1.0], [0.15, 0.4], [0.15, 1.0]]
    assert "cost" not in pooled(sweep)


def test_the_report_prices_the_recommended_file_beside_its_other_answers(sweep):
    with costed(sweep, "[[0,1,1,1,1],[10,0,1,1,1],[10,1,0,1,1],[10,1,1,0,1],[10,1,1,1,0]]"):
        page = write_report(sweep).read_text()
        told = page[page.index('id="costs"') :]
        shares = np.full(5, 0.05)
        shares[0] = 0.8
        assert least_cost(shares[None], Cost.read(COST).matrix(5))[0] > 0  # an answer that is this unsure is dear
        line = re.search(r"grades of least expected cost</td><td>([\d.]+) \[", told)
        assert 0.15 < float(line[1]) < 1  # of 0.8 no cell is called undamaged
        assert "always no damage, the commonest</td><td>4 [" in told
        assert "Expected cost against latency" in page
    assert 'id="costs"' not in write_report(sweep).read_text()


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        ("[[0, 1], [1, 0]]", "cost: 2 x 2; want 5 x 5, for as many grades"),
        ("{missed: 1}", "cost: missed: no such mistake; want missed_damage, false_alarm, wrong_grade"),
    ],
)
def test_a_cost_that_does_not_fit_is_refused_in_one_line(sweep, cost, message):
    command = [sys.executable, "-m", "sweeps", "table", str(sweep), "--cost", cost]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"error: {message}\n")


def test_where_nothing_is_undamaged_a_matrix_is_asked_for(sweep, tmp_path):
    for folder in sweep.iterdir():
        update_record(folder, lambda record: record | {"data": record["data"] | {"ordered": False}})
    with pytest.raises(CostError, match="the classes have no order"), costed(sweep, COST):
        pass
    with costed(sweep, (1 - np.eye(5)).tolist()):
        assert "val/cost" in collect(sweep)
    with (
        pytest.raises(CostError, match="has no finished run that gives each picture one"),
        costed(tmp_path / "no", COST),
    ):
        pass
