"""Tables fit the terminal that there is."""

import io
from contextlib import redirect_stdout

import pytest
from rich.console import Console

from sweeps.tables.console import show
from sweeps.tables.runs import read_sweep
from sweeps.tables.sweep_tables import print_table
from tests.sweeps.made import add_run


@pytest.fixture
def sweep(tmp_path):
    for number, backbone in enumerate(["mobilenet", "mobilenetv2", "efficientnet_lite0"]):
        for resolution in (96, 160):
            add_run(tmp_path, 0.6 + 0.03 * number + resolution / 2000, backbone=backbone, resolution=resolution)
    return tmp_path


def shown(sweep, monkeypatch, width):
    """What a terminal of that width shows of the table of runs."""
    console = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    monkeypatch.setattr("sweeps.tables.sweep_tables.Console", lambda **_: console)
    with redirect_stdout(io.StringIO()):
        print_table(*read_sweep(sweep)[:1], sweep)
    text = console.file.getvalue()
    return text[: text.index("exported files")] if "exported files" in text else text


@pytest.mark.parametrize("width", [80, 100, 120, 300])
def test_whole_columns_go_before_a_cell_is_folded(sweep, monkeypatch, width):
    text = shown(sweep, monkeypatch, width)
    drawn = [line for line in text.splitlines() if set(line) & set("│┃━─")]
    assert len(drawn) == 6 + 4  # a line for each run, none folded
    assert max(map(len, drawn)) <= width
    head = drawn[1]
    for name in ("backbone", "resolution", "val/macro_f1"):
        assert name in head
    gone = [line for line in text.splitlines() if line.startswith("no room for ")]
    assert (gone == []) == ("seconds" in head)
    assert all("table.csv" in line and "seconds" in line for line in gone)
    assert (gone == []) == (width == 300)


def test_the_best_run_comes_first_and_is_marked(sweep, monkeypatch):
    rows = [line for line in shown(sweep, monkeypatch, 120).splitlines() if line.startswith("│")]
    assert rows[0].startswith("│ * efficientnet_lite0 ")
    assert "160" in rows[0]
    assert not [row for row in rows[1:] if "*" in row]


def test_two_columns_stay_however_narrow_it_is(sweep):
    console = Console(width=20, file=io.StringIO())
    show(
        console,
        read_sweep(sweep)[0][["backbone", "resolution", "val/macro_f1"]],
        "narrow",
        ["backbone", "val/macro_f1"],
    )
    assert "no room for resolution" in console.file.getvalue()
