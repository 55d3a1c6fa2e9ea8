"""One page that needs nothing else and shows whatever state a sweep is in."""

import re
import shutil
import subprocess
import sys

import pytest

from choices import ROOT
from sweeps.records.run_record import read_record, update_record
from sweeps.report.report import gather, write_report
from sweeps.tables.exported_files import collect_files
from sweeps.tables.published import beside
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
