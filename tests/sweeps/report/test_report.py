"""One page that needs nothing else and shows whatever state a sweep is in."""

import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from choices import ROOT
from sweeps.records.run_record import find_runs, read_record, update_record
from sweeps.report.report import gather, write_report
from sweeps.tables.exported_files import collect_files
from sweeps.tables.published import PUBLISHED, beside
from sweeps.tables.runs import collect
from tests.sweeps.made import add_run

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def sweep(tmp_path):
    folder = tmp_path / "first"
    for seed in (0, 1):
        for encoding, more in (("one_hot", 0.0), ("ordinal", 0.02)):
            add_run(folder, 0.7 + more + seed / 100, seed=seed, encoding=encoding, resolution=160)
    return folder


def test_the_page_holds_what_was_found(sweep) -> None:
    text = write_report(sweep).read_text()
    assert "mobilenet" not in re.findall(r"<h1>(.*?)</h1>", text)[0]
    assert text.count("<circle") == 4
    assert "+2.0" in text
    assert text.count('class="confusion"') == 4
    assert "data:image/jpeg;base64," in text
    assert not re.findall(r"src=", text)
    linked = re.findall(r'href="(.*?)"', text)  # to the files beside it, nothing else
    assert linked
    assert all(re.fullmatch(r"[^:/]+/export/\w+\.tflite", link) for link in linked)
    assert "http" not in text


def test_ours_stands_beside_the_thesis(sweep) -> None:
    tables = {table.title: table for table in beside(collect(sweep), collect_files(sweep))}
    accuracy = tables["MobileNet, accuracy by width and resolution"]
    assert accuracy.printed[0][1] == 73.2
    assert accuracy.ours[0][1] == pytest.approx(69.5)
    assert accuracy.known == 1
    files = tables["latency of the files"]
    assert files.ours[0] == pytest.approx([8.8, float("nan"), float("nan"), 4.4], nan_ok=True), "means, as printed"
    assert tables["size of the files, KiB"].ours[0][3] == pytest.approx(2_000_000 / 1024)


def test_the_combination_is_judged_by_the_files_that_were_chosen(tmp_path) -> None:
    add_run(tmp_path, 0.8, resolution=160, augmentation="heavy", imbalance="class_weights", encoding="ordinal")
    found = {
        table.title: table for table in beside(collect(tmp_path), collect_files(tmp_path)) if table.number == "5.14"
    }
    accuracy = found["heavy augmentation, ordinal encoding and class weights together, accuracy of the files"]
    assert accuracy.ours[0] == pytest.approx([79.0]), "int8, not torch"
    assert len(found) == 3


@pytest.mark.parametrize("change", ["three classes", "other grid"])
def test_phones_graded_otherwise_are_not_held_against_the_thesis(tmp_path, change) -> None:
    folder = add_run(tmp_path, 0.8, resolution=160, datamodule="phone_photos")
    assert any(table.known for table in beside(collect(tmp_path), collect_files(tmp_path)))
    data = read_record(folder)["data"]
    if change == "three classes":
        data["class_names"] = data["class_names"][:3]
    else:
        data["preprocessing"]["grid"]["rows"] = 6
    update_record(folder, lambda record: record | {"data": data})
    assert not any(table.known for table in beside(collect(tmp_path), collect_files(tmp_path)))


def test_other_data_is_not_held_against_the_thesis(tmp_path) -> None:
    add_run(tmp_path, 0.8, resolution=160, datamodule="image_folder")
    assert not any(table.known for table in beside(collect(tmp_path), collect_files(tmp_path)))


def test_an_empty_sweep_has_a_page_too(tmp_path) -> None:
    assert "No exported files yet" in write_report(tmp_path).read_text()


def test_failed_broken_and_newer_records_are_shown(sweep) -> None:
    add_run(sweep, 0.1, status="failed", error="the loss is <nan>", seed=7)
    for name, text in {
        "cut": '{"status": "do',
        "other": '{"status": "done", "record_version": 99}',
        "odd": "[]",
    }.items():
        (sweep / name).mkdir()
        (sweep / name / "record.json").write_text(text)
    text = write_report(sweep).read_text()
    assert "the loss is &lt;nan&gt;" in text
    assert text.count('<td class="text">unreadable</td>') == 3
    assert "of version 99, newer than" in text
    assert gather(sweep)["progress"].counts == {"done": 4, "failed": 1, "unreadable": 3}


def test_a_mixture_of_starts_is_said(sweep) -> None:
    add_run(sweep, 0.6, start="random", seed=5)
    assert "they do not compare" in write_report(sweep).read_text()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_sorting_and_filtering_work_in_a_browser(sweep) -> None:
    page = write_report(sweep)
    script = """<script>
    const heads = [...document.querySelectorAll("#runs th")], at = heads.findIndex(h => h.textContent === "ms");
    heads[at].click();
    const seen = () => [...document.querySelectorAll("#runs tbody tr")].filter(r => !r.hidden).map(r => r.cells[at].textContent);
    const sorted = seen();
    const box = document.getElementById("filter"); box.value = "int8 ordinal"; box.dispatchEvent(new Event("input"));
    document.title = sorted.join(",") + "|" + seen().length;
    </script>"""
    page.write_text(page.read_text().replace("</body>", script + "</body>"))
    shown = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    order, left = re.findall(r"<title>(.*?)</title>", shown)[0].split("|")
    assert order == ",".join(["8.00"] * 4 + ["4.00"] * 4 + ["–"] * 4)
    assert left == "2"


def test_the_command_says_where_the_page_lies(sweep) -> None:
    here = ROOT
    done = subprocess.run(
        [sys.executable, "-m", "sweeps", "report", str(sweep)], cwd=here, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == f"report: {sweep / 'report.html'}"


@pytest.mark.parametrize(
    ("run", "number", "printed", "ours"),
    [
        ({"datamodule": "severstal", "backbone": "resnet50", "test/dice_pooled": 0.5}, "figure 61", 70.1, 50),
        ({"datamodule": "severstal", "backbone": "resnet50", "weights": 12_345_678}, "figure 62", 32562, 12346),
        ({"datamodule": "severstal", "backbone": "resnet50", "test/label_accuracy": 0.9}, "figure 65", 93.3, 90),
        ({"datamodule": "mnist", "backbone": "simplenet_v4", "temperature": 10, "test/f_measure": 0.9}, "2.3", 96.55, 90),
        ({"datamodule": "synthetic_shackles", "backbone": "resnet50", "initial_weights": "random", "test/mae": 0.2}, "5.2", 0.0101, 0.2),
        ({"datamodule": "synthetic_shackles", "backbone": "resnet50", "initial_weights": "imagenet", "test/mae": 0.2}, "5.1", 0.0078, 0.2),
    ],
)  # fmt: skip
def test_each_document_stands_beside_runs_of_its_data(run, number, printed, ours):
    tables = beside(pd.DataFrame([run]), pd.DataFrame())
    (table,) = [one for one in tables if one.number == number]
    pairs = [
        (told, own)
        for row, values in zip(table.printed, table.ours, strict=True)
        for told, own in zip(row, values, strict=True)
    ]
    known = [(told, own) for told, own in pairs if own == own]
    assert known == [(pytest.approx(printed, abs=0.6), pytest.approx(ours, abs=0.5 if ours > 1000 else 1e-6))]
    assert len({one.source for one in tables}) == 1


def test_published_tables_have_a_printed_figure_for_every_cell():
    for document in yaml.safe_load(PUBLISHED.read_text())["documents"]:
        run = {name: values[0] for name, values in document["of"].items()}
        for table in beside(pd.DataFrame([run | {"run": "a"}]), pd.DataFrame()):
            assert [len(row) for row in table.printed] == [len(row) for row in table.ours], table.title


def test_what_arm_answered_stands_in_the_report(sweep):
    assert "ARM as here" not in write_report(sweep).read_text()
    folder = next(sweep.glob("*/record.json")).parent

    def with_arm(record):
        arm = {"machine": "aarch64", "agreement": 0.975, "cells": 40, "cells_of": 40}
        return record | {"exports": record["exports"] | {"int8": record["exports"]["int8"] | {"arm": arm}}}

    update_record(folder, with_arm)
    files = collect_files(sweep)
    assert files.arm_same.dropna().tolist() == [0.975]
    assert set(files.arm_machine) == {"", "aarch64"}
    page = write_report(sweep).read_text()
    assert "<th>ARM as here</th>" in page
    assert "<td>0.975</td>" in page
    assert "an emulated ARM processor (aarch64)" in page


def test_of_files_that_look_inside_only_whole_ones_are_shown(sweep):
    row = {"layer": "stem", "mmd": 0.25, "low": 0.1, "high": 0.3, "p_value": 0.01, "told_apart": 0.9, "a_distance": 1.6}
    whole = {"set": "dark", "against": "bright", "images": [8, 9], "layers": [row]}
    folder = find_runs(sweep)[0] / "inspection"
    folder.mkdir()
    (folder / "gap-whole.json").write_text(json.dumps(whole))
    for number, odd in enumerate([3, {"against": 3}, whole | {"images": 1}, whole | {"layers": [{"mmd": "x"}]}]):
        (folder / f"gap-{number}.json").write_text(json.dumps(odd))
    page = write_report(sweep).read_text()
    assert page.count("images of") == page.count("8 images of dark against 9 of bright") == 1
