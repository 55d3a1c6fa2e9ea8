"""A resumed run's metrics.csv holds the epochs of before."""

from sweeps.report.learning_curves import kept_epochs, read_epochs


def test_earlier_epochs_stay_and_repeated_ones_do_not(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,val/loss\n0,9,1.0\n1,19,0.8\n2,29,0.7\n")
    with kept_epochs(path, go_on=True):
        path.write_text("epoch,step,train/loss,val/loss\n2,29,,0.71\n2,29,0.5,\n,40,,\n")
    rows = read_epochs(path)
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "2", ""]
    assert [row["val/loss"] for row in rows] == ["1.0", "0.8", "0.71", "", ""]
    assert rows[0]["train/loss"] == ""


def test_an_epoch_whose_row_was_not_written_when_the_run_was_killed_comes_from_the_history(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step,val/loss\n0,9,1.0\n")
    history = [{"val/loss": 1.0}, {"val/loss": 0.8, "train/loss": 0.9}, {"val/loss": 0.7}]
    with kept_epochs(path, go_on=True, history=lambda: history):
        path.write_text("epoch,step,val/loss\n2,29,0.7\n")
    rows = read_epochs(path)
    assert [(row["epoch"], row["val/loss"], row["train/loss"]) for row in rows] == [
        ("0", "1.0", ""),
        ("1", "0.8", "0.9"),
        ("2", "0.7", ""),
    ]
    path.unlink()
    with kept_epochs(path, go_on=True, history=lambda: history):
        path.write_text("epoch,step,val/loss\n1,19,0.8\n")
    assert [row["epoch"] for row in read_epochs(path)] == ["0", "1"]


def test_nothing_to_keep_changes_nothing(tmp_path):
    path = tmp_path / "metrics.csv"
    with kept_epochs(path, go_on=True):
        pass
    assert not path.exists()
    with kept_epochs(path, go_on=True):
        path.write_text("epoch,step\n0,9\n")
    assert path.read_text() == "epoch,step\n0,9\n"


def test_a_run_that_begins_anew_keeps_no_earlier_epochs(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,step\n0,9\n")
    with kept_epochs(path, go_on=False):
        path.write_text("epoch,step\n1,19\n")
    assert path.read_text() == "epoch,step\n1,19\n"
