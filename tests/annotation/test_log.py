"""The log: what was answered for is on the disk, whoever writes, and whatever is killed."""

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from annotation.log import COLUMNS, Log, LogError, Statement


def said(value="1", who="anna", photo="a.jpg", cell=(0, 1)):
    return Statement(who, 1, photo, "label", value, cell)


def test_what_is_written_is_read_back_with_its_time(tmp_path):
    log = Log(tmp_path)
    log.append([said("2"), Statement("bo, jr", 2, 'a "b".jpg', "comment", "line one\nline two, \u2028 é")])
    first, second = Log(tmp_path).read()
    assert (first.annotator, first.round, first.photo, first.field, first.value, first.cell) == (
        "anna", 1, "a.jpg", "label", "2", (0, 1))  # fmt: skip
    assert second.value == "line one line two, é"
    assert (second.photo, second.cell, second.round) == ('a "b".jpg', None, 2)
    assert first.time.endswith("Z")
    assert len(first.time) == 24


def test_each_reader_gets_what_came_since(tmp_path):
    one, other = Log(tmp_path), Log(tmp_path)
    assert one.read() == []
    other.append([said("1")])
    assert [each.value for each in one.read()] == ["1"]
    assert one.read() == []
    other.append([said("2"), said("3")])
    assert [each.value for each in one.read()] == ["2", "3"]


@pytest.mark.parametrize("cut", [1, 10, 40, 47, 48, 50])
def test_a_line_torn_by_a_kill_is_no_statement_and_harms_no_other(tmp_path, cut):
    log = Log(tmp_path)
    log.append([said("1")])
    whole = log.path.read_bytes()
    log.append([Statement("anna", 1, "a.jpg", "comment", "é")])
    torn = log.path.read_bytes()[: len(whole) + cut]
    log.path.write_bytes(torn)
    assert [each.value for each in Log(tmp_path).read()] == ["1"]
    log.append([said("4")])
    assert [each.value for each in Log(tmp_path).read()] == ["1", "4"]
    assert [each.value for each in log.read()] == ["1", "4"]


def test_a_log_that_another_process_holds_is_said_and_nothing_is_lost(tmp_path):
    holder, log = Log(tmp_path), Log(tmp_path)
    log._lock.timeout = 0.2
    with holder.held(), pytest.raises(LogError, match=r"annotations\.csv: another process has held it"):
        log.append([said("1")])
    assert log.read() == []
    log.append([said("1")])
    assert [each.value for each in log.read()] == ["1"]


def test_a_full_disk_writes_all_or_nothing(tmp_path):
    log = Log(tmp_path)
    log.append([said("1")])
    before = log.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 30, hard))
        with pytest.raises(OSError, match=r"annotations\.csv"):
            log.append([said("2")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert log.path.read_bytes() == before
    log.append([said("3")])
    assert [each.value for each in Log(tmp_path).read()] == ["1", "3"]


def append_many(folder, who):
    log = Log(folder)
    for number in range(60):
        log.append([said(str(number), who=who), said(str(number), who=who, cell=(1, 1))])


def test_two_processes_lose_nothing_and_mix_no_statements(tmp_path):
    start = multiprocessing.get_context("fork")
    writers = [start.Process(target=append_many, args=(tmp_path, who)) for who in ("anna", "bob")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    found = Log(tmp_path).read()
    for who in ("anna", "bob"):
        mine = [(each.value, each.cell) for each in found if each.annotator == who]
        assert mine == [(str(number), cell) for number in range(60) for cell in ((0, 1), (1, 1))]
    pairs = [found[at : at + 2] for at in range(0, len(found), 2)]
    assert all(one.annotator == two.annotator and one.value == two.value for one, two in pairs)


def test_a_killed_writer_has_written_all_that_it_said_it_had(tmp_path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom annotation.log import Log, Statement\n"
        "log = Log(Path(sys.argv[1]))\n"
        "for number in range(100000):\n"
        "    log.append([Statement('anna', 1, 'a.jpg', 'label', str(number), (0, 0))])\n"
        "    print(number, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    told = process.communicate()[0].split()
    found = [int(each.value) for each in Log(tmp_path).read()]
    assert found == list(range(len(found)))
    assert len(found) > int(told[-1] if told else 19)
    Log(tmp_path).append([said("9")])  # the lock died with its holder


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("photo,label\n", "its first line is not time,annotator"),
        (",".join(COLUMNS) + "\nt,anna,one,a.jpg,0,0,label,1\n", "line 2: round='one'"),
        (",".join(COLUMNS) + "\nt,anna,1,a.jpg\n", "line 2: 4 values; want time,annotator"),
        (",".join(COLUMNS) + "\nt,anna,1,a.jpg,,,corners,1 2 x\n", "corners='1 2 x': want numbers"),
        (",".join(COLUMNS) + "\nt,anna,1,a.jpg,x,0,label,1\n", "line 2: round='1', row='x'"),
    ],
)
def test_a_file_that_is_no_log_is_refused_by_line(tmp_path, text, wanted):
    (tmp_path / "annotations.csv").write_text(text)
    with pytest.raises(LogError, match=r"annotations\.csv") as refusal:
        Log(tmp_path).read()
    assert wanted in str(refusal.value)
