"""Training on the share of votes instead of one grade a cell."""

import csv

import numpy as np
import pytest
import torch

from datamodules.base.errors import DataError
from datamodules.base.loaders import CellArrays, CellDataset
from datamodules.phone_photos import PhonePhotos
from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, record_of, run
from tests.drawn import draw_screens


def with_votes(root, votes_of):
    """Adds a column of votes to cells.csv."""
    with (root / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (root / "cells.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("photo", "row", "col", "label", "votes"))
        for number, row in enumerate(rows):
            writer.writerow((*row.values(), votes_of(number, int(row["label"]))))
    return root


def load(root, labels="votes"):
    return PhonePhotos(
        str(root), cache=str(root.parent / "cache"), class_names=list("abcde"), columns=3, rows=5, cell_px=64, folds=3,
        val_folds=0, split_seed=0, fold=0, calibration_cells=4, groups={}, labels=labels,
    ).load()  # fmt: skip


def split_vote(number, label):
    """Two for the label and one for its neighbour, none for every seventh cell."""
    counts = [0] * 5
    counts[label] += 2
    counts[(label + 1) % 5] += 1
    return "" if number % 7 == 0 else " ".join(map(str, counts))


def test_votes_are_targets_in_training_and_labels_in_scoring(tmp_path):
    samples = load(with_votes(draw_screens(tmp_path / "set"), split_vote))
    labels = samples.table.label.to_numpy()
    assert samples.votes[0].tolist() == np.eye(5, dtype=int)[labels[0]].tolist(), "nobody voted: its label"
    assert sorted(samples.votes[1].tolist()) == [0, 0, 0, 1, 2]
    arrays = CellArrays(samples.images(16), labels, samples.table.part.to_numpy(str), 5, samples.votes)

    class Nothing:
        changes = False

    training, scoring = CellDataset(arrays, np.ones(5), Nothing()), CellDataset(arrays, np.ones(5))
    keys = [(0, 1), (0, 2)]
    assert torch.equal(training.__getitems__(keys).labels, torch.from_numpy(samples.votes[1:3]).float())
    assert torch.equal(scoring.__getitems__(keys).labels, torch.tensor(labels[1:3].tolist()))


def test_votes_change_the_fingerprint_and_settled_labels_do_not_hear_of_them(tmp_path):
    root = draw_screens(tmp_path / "set")
    before = load(root, "settled").fingerprint
    with_votes(root, split_vote)
    assert load(root, "settled").fingerprint == before
    assert load(root, "settled").votes is None
    assert load(root, "votes").fingerprint != before


@pytest.mark.parametrize("text", ["1 2", "1 0 0 0 x", "-1 0 0 0 1", "1 0 0 0 0.5"])
def test_votes_that_are_no_counts_are_refused_by_line(tmp_path, text):
    root = with_votes(draw_screens(tmp_path / "set"), lambda number, label: text if number == 3 else "")
    with pytest.raises(DataError, match=rf"cells\.csv, line 5: votes='{text}': want 5 counts"):
        load(root)


def test_without_votes_there_is_nothing_to_train_on(tmp_path):
    with pytest.raises(DataError, match=r"cells\.csv: no column votes"):
        load(draw_screens(tmp_path / "set"))
    with pytest.raises(DataError, match=r"datamodule\.labels=soft: want settled or votes"):
        load(tmp_path / "set", "soft")


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["one_hot", "ordinal"])
def test_a_run_on_votes_learns(tmp_path, encoding):
    with_votes(draw_screens(tmp_path / "screens"), split_vote)
    run(tmp_path, *SMALL, "datamodule.labels=votes", f"encoding={encoding}", "sweep_name=votes", "optimizer.lr=0.003",
        "trainer.max_epochs=6", check=0)  # fmt: skip
    (folder,) = find_runs(tmp_path / "runs" / "votes")
    record = record_of(folder)
    assert record["status"] == "done"
    losses = [epoch["train/loss"] for epoch in record["history"]]
    assert min(losses[1:]) < losses[0]
    floor = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3)) * 6 / 7  # nothing can be surer than the voters
    if encoding == "one_hot":
        assert min(losses) > floor
