"""Timing over adb: the real client and server, and a phone on loopback that really runs what it is given."""

import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from export.latency.adb import FOLDER, measure
from export.latency.phone import find_phone
from export.latency.result import LatencyError, merged
from export.latency.table import print_timings
from sweeps.records.environment import fast_int8
from tests.export.latency.scripted_phone import ROOT, ScriptedPhone, adb
from tests.export.made import converted, random_module

pytestmark = pytest.mark.skipif(shutil.which("adb") is None, reason="needs adb (Debian: apt install adb)")
SCRIPT = Path(__file__).parent / "benchmark_script.py"
QUICK = {"threads": [1], "delegates": ["xnnpack"], "cooldown_s": 0, "warmup_runs": 10, "runs": 100, "profile": False}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server of its own, with keys of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    before = {name: os.environ.get(name) for name in ("ANDROID_ADB_SERVER_PORT", "HOME")}
    os.environ |= {"ANDROID_ADB_SERVER_PORT": str(number), "HOME": str(tmp_path_factory.mktemp("home"))}
    yield number
    adb("kill-server", port=number)
    for name, value in before.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value


@pytest.fixture
def plugged(port, tmp_path):
    """Makes phones and plugs them in."""
    phones = []

    def plug(**settings):
        phone = ScriptedPhone(tmp_path / f"phone{len(phones)}", **settings)
        phones.append(phone)
        adb("connect", phone.serial, port=port)
        return phone

    yield plug
    for phone in phones:
        adb("disconnect", phone.serial, port=port)
        phone.close()


@pytest.fixture(scope="module")
def binary(tmp_path_factory):
    """The script as a file that a shell can run."""
    path = tmp_path_factory.mktemp("tool") / "benchmark_model"
    path.write_text(SCRIPT.read_text().replace("/usr/bin/env python3", sys.executable, 1))
    return str(path)


@pytest.fixture(scope="module")
def data():
    return converted(random_module("mobilenet", width=0.25, resolution=32), 32)[1]


def set_up(phone, **switches):
    """Files beside the script, by which it knows what to do."""
    folder = phone.folder / Path(FOLDER).relative_to(ROOT)
    folder.mkdir(exist_ok=True)
    for name, value in switches.items():
        (folder / name).write_text(value)


def test_every_setting_of_a_phone_gets_an_entry(plugged, binary, data):
    phone = plugged()
    # the scripted phone runs the file for real: on a busy machine one round may take many times as long as another
    found = list(measure(data, benchmark_model=binary, threads=[1, 2, 4], cooldown_s=0, max_spread=1e9))
    assert [(one["delegate"], one["threads"]) for one in found] == [
        ("xnnpack", 1),
        ("xnnpack", 2),
        ("xnnpack", 4),
        ("gpu", 1),
    ]
    for one in found:
        assert (one["device"], one["processor"], one["os"]) == ("Acme Scripted 1", "Acme AC1000", "Android 14 (API 34)")
        assert one.get("int8") == fast_int8()  # the scripted phone has this machine's processor
        assert (one["warmup_runs"], one["runs"], one["steady"]) == (10, 100, True)
        assert 0 < one["latency_ms_min"] <= one["latency_ms_p50"]
        assert one["latency_ms_min"] <= one["latency_ms_mean"]
        assert one["initialisation_ms"] > 0
        assert one["peak_memory_bytes"] == round(11.5 * 2**20)
        assert "sustained" not in one
        assert [(kind["operator"], kind["count"], kind["ms"], kind["share"]) for kind in one["operators"]] == [
            ("CONV_2D", 3, 1.2, 0.6), ("Convolution (NHWC, F32)", 1, 0.7, 0.35), ("SOFTMAX", 1, 0.1, 0.05),
        ]  # fmt: skip
    calls = [line for line in phone.lines if "benchmark_model --" in line]
    assert len(calls) == 4 * 3  # two rounds that agree, and the profile
    assert all("--warmup_runs=10 --num_runs=100 --warmup_min_secs=0 --min_secs=0" in line for line in calls)
    assert not (phone.folder / "gridlite" / "model.tflite").exists()


def test_a_phone_that_warms_up_is_told_by_how_much_it_slows_down(plugged, binary, data, capsys):
    set_up(plugged(), warms_up="20")
    settings = QUICK | {"threads": [1, 2], "runs": 3, "warmup_runs": 1}
    first, *others, last = measure(data, benchmark_model=binary, max_rounds=1, sustained_s=1.5, **settings)
    assert ("sustained" in first, [one["threads"] for one in (first, *others)]) == (False, [1, 2])
    assert {name: last[name] for name in ("threads", "delegate")} == {
        "threads": 1,
        "delegate": "xnnpack",
    }  # the faster, cooler one
    found = last["sustained"]
    assert found["ms"] == sorted(found["ms"])
    assert found["seconds"] == pytest.approx(found["at_s"][-1], abs=0.1)
    assert found["seconds"] >= 1.5
    assert found["latency_ms"] == pytest.approx(found["ms"][-1], rel=0.2)
    assert found["slowdown"] > 1.2
    assert merged([first, *others], [last]) == [last, *others]
    print_timings([("run", "int8", last)])
    assert f"(+{100 * (found['slowdown'] - 1):.0f} %)" in capsys.readouterr().out


@pytest.mark.parametrize("wording", ["old", "older"])
def test_older_wordings_are_read(plugged, binary, data, wording):
    set_up(plugged(), wording=wording)
    (one,) = measure(data, benchmark_model=binary, max_spread=1e9, **QUICK)
    assert one["latency_ms_mean"] > 0
    assert one["latency_ms_p50"] is None
    assert one["latency_ms_std"] >= 0
    assert one["runs"] == 100


def test_the_own_tool_of_litert_is_read(plugged, binary, data, capsys):
    phone = plugged()
    set_up(phone, wording="litert")
    settings = QUICK | {"delegates": ["xnnpack", "none", "gpu"], "profile": True}
    found = list(measure(data, benchmark_model=binary, max_spread=1e9, **settings))
    assert [(one["delegate"], one["runtime"]) for one in found] == [
        ("xnnpack", "LiteRT benchmark_model"), ("gpu", "LiteRT benchmark_model"),
    ]  # fmt: skip
    assert found[1]["partial"] is False
    assert not any("operators" in one for one in found)
    assert "none left out: LiteRT benchmark_model does not know --use_xnnpack" in capsys.readouterr().err
    assert all("--enable_op_profiling=false" in line for line in phone.lines if "benchmark_model --" in line)


def test_a_delegate_that_takes_a_part_is_no_plain_gpu(plugged, binary, data, capsys):
    set_up(plugged(), gpu="partial")
    (one,) = measure(data, benchmark_model=binary, max_spread=1e9, **QUICK | {"delegates": ["gpu"]})
    assert (one["delegate"], one["partial"], one["cpu_operators"]) == ("gpu (partial)", True, ["ARG_MAX"])
    print_timings([("run", "int8", one)])
    assert "gpu (partial): CPU ARG_MAX" in capsys.readouterr().out
    before = one | {"delegate": "gpu", "partial": None}
    assert merged([before], [one]) == [one]


def test_what_is_never_steady_says_so(plugged, binary, data):
    phone = plugged()
    (one,) = measure(data, benchmark_model=binary, max_spread=-1.0, max_rounds=3, **QUICK)
    assert one["steady"] is False
    assert sum("benchmark_model --" in line for line in phone.lines) == 3


@pytest.mark.parametrize(
    ("gpu", "message"),
    [("refuse", "Failed to apply GPU delegate"), ("fall_back", "will not be executed by the delegate")],
)
def test_a_refused_delegate_is_told_and_left_out(plugged, binary, data, capsys, gpu, message):
    set_up(plugged(), gpu=gpu)
    settings = QUICK | {"delegates": ["gpu", "xnnpack"]}
    (one,) = measure(data, benchmark_model=binary, max_spread=1e9, **settings)
    assert one["delegate"] == "xnnpack"
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Acme Scripted 1: gpu left out: ")
    assert message in line


@pytest.mark.parametrize(("after", "measured"), [(0, [1]), (1, [1])])
def test_unplugged_half_way_keeps_what_is_measured(plugged, binary, data, after, measured):
    phone = plugged(unplugged_at="--num_threads=4", after=after)
    entries = measure(data, benchmark_model=binary, max_spread=1e9, **QUICK | {"threads": [1, 4]})
    found = []
    why = f"{phone.serial}: offline: plug it in again; what has been measured is kept"
    with pytest.raises(LatencyError, match=why):
        found.extend(entries)
    assert [one["threads"] for one in found] == measured


def test_no_room_is_told(plugged, binary, data):
    phone = plugged(room=100)
    with pytest.raises(
        LatencyError, match=rf"{phone.serial}: no space left on the phone: benchmark_model .*No space left"
    ):
        list(measure(data, benchmark_model=binary, **QUICK))


def test_a_binary_for_another_processor_is_told(plugged, tmp_path, data):
    plugged()
    (tmp_path / "tool").write_bytes(b"\x7fELF\x02\x01\x01\x00" + bytes(200))
    with pytest.raises(LatencyError, match=r"benchmark_model is not for this phone, which wants arm64-v8a: .*rror"):
        list(measure(data, benchmark_model=str(tmp_path / "tool"), **QUICK))


def test_a_tool_that_says_nothing_is_told(plugged, tmp_path, data):
    plugged()
    (tmp_path / "tool").write_text("#!/bin/sh\necho something else\n")
    with pytest.raises(LatencyError, match="told no timings; it ended with: something else"):
        list(measure(data, benchmark_model=str(tmp_path / "tool"), **QUICK))


def test_a_tool_that_crashes_is_told(plugged, tmp_path, data):
    plugged()
    (tmp_path / "tool").write_text("#!/bin/sh\necho 'ERROR: failed to load the model' >&2\nexit 134\n")
    with pytest.raises(LatencyError, match="benchmark_model ended with 134: ERROR: failed to load the model"):
        list(measure(data, benchmark_model=str(tmp_path / "tool"), **QUICK))


@pytest.mark.parametrize(
    ("path", "message"), [(None, "name the binary for the phone"), ("nowhere", "benchmark_model=nowhere: no such file")]
)
def test_the_tool_must_be_there(data, path, message):
    with pytest.raises(LatencyError, match=message):
        list(measure(data, benchmark_model=path, **QUICK))


def test_no_phone_two_phones_and_a_wrong_serial(plugged, port):
    with pytest.raises(LatencyError, match="no phone: plug one in"):
        find_phone(None)
    one = plugged()
    assert find_phone(None).serial == one.serial
    other = plugged()
    with pytest.raises(LatencyError, match=r"2 phones: say which with SERIAL=, one of 127"):
        find_phone(None)
    assert find_phone(other.serial).serial == other.serial
    with pytest.raises(LatencyError, match="SERIAL=x: no such phone; adb knows 127"):
        find_phone("x")


def test_an_unauthorized_phone_is_told(plugged):
    phone = plugged(authorized=False)
    with pytest.raises(
        LatencyError, match=f"{phone.serial}: unauthorized: allow this computer's key on the phone's screen"
    ):
        find_phone(phone.serial)


def test_adb_must_be_there():
    with pytest.raises(LatencyError, match="no-adb: not found: install Android's platform tools"):
        find_phone(None, "no-adb")
