"""Networks of timm through the commands: trained, exported, scored, told apart in tables, taken up again from their records."""

import pytest

from sweeps.records.run_record import find_runs, read_record
from sweeps.tables.naming import called, telling
from sweeps.tables.runs import collect
from tests.commands.test_train import SMALL, run
from tests.warm import run_warm

FEW = [word for word in SMALL if not word.startswith(("width", "trainer", "resolution"))]
WORDS = [*FEW, "backbone=timm", "trainer.max_epochs=1", "latency.host.runs=3"]


@pytest.mark.slow
def test_a_network_of_timm_is_trained_exported_and_predicts(place):
    words = [
        *WORDS,
        "backbone.model=mobilenetv4_conv_small_035",
        "resolution=32",
        "export=all",
        "quantization=[float32,int8]",
    ]
    run(place, *words, "sweep_name=one", check=0)
    (folder,) = find_runs(place / "runs" / "one")
    record = read_record(folder)
    assert (record["axes"]["backbone"], record["choices"]) == ("mobilenetv4_conv_small_035", {"backbone": "timm"})
    assert "mobilenetv4_conv_small_035" in folder.name
    assert {name: one["agreement"] > 0.5 for name, one in record["exports"].items()} == {"float32": True, "int8": True}
    assert record["exports"]["float32"]["agreement"] == 1
    assert "val/accuracy" in record["exports"]["int8"]
    run(place, f"run={folder}", f"input={place}/screens", script="predict.py", check=0)
    assert len((folder / "predictions-screens.csv").read_text().splitlines()) > 80


@pytest.mark.slow
def test_a_grid_tells_them_apart_and_goes_on_from_records(place):
    words = ["-m", *WORDS, "backbone.model=test_byobnet,lcnet_050,resnet34", "resolution=64", "sweep_name=several"]
    run(place, *words, check=0)
    runs = find_runs(place / "runs" / "several")
    table = collect(place / "runs" / "several")
    assert sorted(table.backbone) == ["lcnet_050", "test_byobnet", "timm resnet34"]  # conf/ has a resnet34 of its own
    names = [called(row, telling(table)) for _, row in table.iterrows()]
    assert sorted(names) == sorted(table.backbone)
    before = [read_record(folder) for folder in runs]
    done = run(place, *words, check=0)
    assert done.stdout.startswith("all 3 points were done before")
    assert [read_record(folder) for folder in runs] == before
    for folder in runs:
        made = run_warm("-m", "export", f"run={folder}", "quantization=[float32]", "latency.host.runs=3", env={})
        assert made.returncode == 0, made.stderr
        assert read_record(folder)["exports"]["float32"]["agreement"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backbone.model=repvit_m09"], "nearest repvit_m0_9"),
        (["backbone.model=levit_128s", "resolution=96"], "want 224, its own"),
        (["backbone.model=repvit_m0_9", "resolution=16"], "resolution=16: want at least 32: repvit_m0_9"),
        (["width=0.5"], "width=0.5: mobilenetv4_conv_small_050 comes at 1"),
    ],
)
def test_what_cannot_be_trained_is_one_line(place, words, said):
    done = run(place, *WORDS, *words, "sweep_name=wrong", check=1)
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert said in line
