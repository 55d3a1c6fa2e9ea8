"""`latency=arm` for real: qemu, an arm64 Python and LiteRT's aarch64 wheel."""

import shutil

import pytest

from choices import ROOT
from export.arm.guest import EMULATORS, make_guest
from export.check import CheckError
from metrics.lookup import metrics_of
from sweeps.records.run_record import find_runs
from tests.commands.test_train import SMALL, record_of, run
from tests.export.arm.made_checks import check, comparison, file_and_changed
from tests.trained import copy_of, grading
from tests.warm import run_warm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
KINDS = ["float32", "float16", "dynamic", "int8"]


@pytest.fixture(scope="module")
def guest_folder():
    """The checkout's own, made where it is not there yet."""
    folder = ROOT / ".cache" / "arm"
    try:
        make_guest(folder)
    except CheckError as error:
        pytest.skip(f"no arm64 guest here: {error}")
    return folder


def cache_with_guest(folder, guest_folder):
    """A cache of one's own in which the guest lies too."""
    folder.mkdir(exist_ok=True)
    (folder / "arm").symlink_to(guest_folder)


def test_the_same_file_agrees_and_one_changed_weight_does_not(guest_folder):
    data, changed = file_and_changed()
    samples = comparison(data)
    same = check(guest_folder)(data, samples, metrics_of("grading"))
    assert (same["machine"], same["runtime"], same["delegate"]) == ("aarch64", "LiteRT 2.1.2", "xnnpack")
    assert "-cpu cortex-a76" in same["emulator"]
    assert (same["agreement"], same["cells"], same["val/accuracy"]) == (1, 16, 1)
    assert 0 < same["max_probability_difference"] < 1e-4, "other kernels round otherwise"
    other = check(guest_folder)(data, samples, metrics_of("grading"), there=changed)
    assert other["agreement"] < 1
    assert other["max_probability_difference"] > 0.01


def test_a_file_that_the_guest_does_not_take_gets_one_line(guest_folder):
    data, _ = file_and_changed()
    with pytest.raises(CheckError, match="the guest ended with 1 and said: "):
        check(guest_folder)(data, comparison(data, 4, 2), metrics_of("grading"), there=data[:1000])


def test_every_file_of_a_run_is_entered(guest_folder, tmp_path_factory):
    place, _ = copy_of(tmp_path_factory, grading)
    (folder,) = find_runs(place / "runs" / "grid")
    before = record_of(folder)["exports"]
    cache_with_guest(place / "cache", guest_folder)
    words = [f"run={folder}", "latency=arm", "check.arm.max_cells=12", f"paths.cache={place}/cache"]
    for command in ("export.latency", "export"):  # as they are, then made again
        done = run_warm("-m", command, *words)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "ARM as here" in done.stdout
        entries = record_of(folder)["exports"]
        assert list(entries) == KINDS
        for kind, entry in entries.items():
            arm = entry["arm"]
            assert (arm["machine"], arm["cells"], arm["part"]) == ("aarch64", 12, "val")
            assert arm["agreement"] >= 0.9
            assert "val/macro_f1" in arm
            assert entry["latency"] == before[kind]["latency"], "it is no time"
        told = [line for line in done.stdout.splitlines() if ": on aarch64 (LiteRT 2.1.2, xnnpack, qemu" in line]
        assert sorted(kind for line in told for kind in line.partition(":")[0].split(", ")) == sorted(KINDS)
    done = run_warm("-m", "export", f"run={folder}", "quantization=float32", f"paths.cache={place}/cache")
    assert done.returncode == 0
    assert record_of(folder)["exports"]["float32"]["arm"]["machine"] == "aarch64", "of the same file it stays"
    assert "ARM as here" in run_warm("-m", "sweeps", "table", folder.parent).stdout
    assert run_warm("-m", "sweeps", "report", folder.parent).returncode == 0
    assert "ARM as here" in (folder.parent / "report.html").read_text()


def test_a_training_checks_its_files(place, guest_folder):
    cache_with_guest(place / "cache", guest_folder)
    words = ["export=all", "quantization=int8", "latency=arm", "check.arm.max_cells=6", "sweep_name=arm"]
    done = run(place, *SMALL, "encoding=one_hot", "trainer.max_epochs=1", *words, check=0)
    assert done.stderr == ""
    (folder,) = find_runs(place / "runs" / "arm")
    entry = record_of(folder)["exports"]["int8"]
    assert (entry["arm"]["machine"], entry["arm"]["cells"], entry["latency"]) == ("aarch64", 6, [])


def test_without_a_guest_nothing_is_made(tmp_path_factory, tmp_path):
    if not any(map(shutil.which, EMULATORS)):
        pytest.skip("needs qemu-aarch64-static (Debian: apt install qemu-user-static)")
    place, _ = copy_of(tmp_path_factory, grading)
    (folder,) = find_runs(place / "runs" / "grid")
    before = (folder / "record.json").read_text()
    done = run_warm("-m", "export", f"run={folder}", "latency=arm", f"paths.cache={tmp_path}")
    assert (done.returncode, done.stderr) == (
        1,
        f"error: check=arm: {tmp_path}/arm: no arm64 guest there yet: `make arm` makes it, once\n",
    )
    assert (folder / "record.json").read_text() == before
