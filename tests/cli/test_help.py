"""`--help` of every command, and the texts that it is made of."""

import os
import resource
import sys
from contextlib import suppress
from importlib import import_module

import pytest

from choices import names_of
from cli import schema_docs
from cli.command_line import run_cli
from cli.commands import COMMANDS, ROOMS, commands_of
from cli.help import help_page
from tests.warm import run_plain

COMPOSED = [name for name, command in COMMANDS.items() if command.schema]


def said_by(room, words, monkeypatch, capsys):
    """What `python -m <room> <words>` prints; nothing on stderr."""
    monkeypatch.setattr(sys, "argv", [room, *words])
    module = import_module(f"{room}.__main__")
    with suppress(SystemExit):
        getattr(module, "command", module.main)()
    said = capsys.readouterr()
    assert not said.err
    return said.out


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("name", COMPOSED)
def test_help_says_sentence_examples_and_every_setting(name, flag, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["command", "backbone=nosuch", flag])
    run_cli(lambda: pytest.fail("composed"), name)
    page = capsys.readouterr().out
    told = " ".join(page.split())
    command = COMMANDS[name]
    assert page.startswith(command.sentence)
    assert all(line in page for line in command.examples)
    assert "Powered by Hydra" not in page
    for one in schema_docs.settings_of(command.schema):
        if one.meaning.startswith("Set by "):
            assert one.meaning.split()[2].rstrip(",") in page
            continue
        assert f"  {one.key}=" in page or one.key in schema_docs.classes() or one.type in schema_docs.classes()
        assert one.meaning in told or one.type in schema_docs.classes()


@pytest.mark.parametrize("name", ["train", "probe"])
def test_help_of_a_training_lists_every_axis_with_its_choices(name):
    page = help_page(name)
    told = " ".join(page.split())
    for axis in ("task", "backbone", "encoding", "datamodule", "optimizer", "latency", "experiment", "profile"):
        assert ", ".join(names_of(axis)) in told
        assert f"\n  {axis}=" in page
    assert "python -m choices" in page
    assert (", ".join(names_of("sweep")) in told) is (name == "train")


def test_help_shows_the_defaults_that_are_composed():
    assert "  backbone=mobilenet " in help_page("train")
    assert "  sweep_name=probes " in help_page("probe")
    assert "  logger=none " in help_page("probe")
    assert "  study.seeds=3 " in help_page("study")
    assert "  export.enabled=true " in help_page("export")
    assert "int from 1 to 8192 or null. Side of the square input" in " ".join(help_page("train").split())
    assert "  run= " in help_page("predict")
    assert "str, required." in help_page("predict")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_its_commands(room, monkeypatch, capsys):
    page = said_by(room, ["--help"], monkeypatch, capsys)
    for command in commands_of(room).values():
        assert command.typed in page
        assert command.sentence in page


@pytest.mark.parametrize(
    ("room", "word", "arguments"),
    [
        ("sweeps", "status", ["sweep"]),
        ("sweeps", "table", ["sweep"]),
        ("sweeps", "report", ["sweep"]),
        ("sweeps", "wandb", ["sweep", "--project", "--entity", "--online", "--dashboard"]),
        ("annotation", "agreement", ["--data"]),
        ("annotation", "doubtful", ["--data", "--runs"]),
        ("annotation", "import", ["--data", "--from", "--category"]),
        ("annotation", "import-masks", ["--data", "--from", "--to", "--classes", "--empty", "--size"]),
        ("annotation", "import-numbers", ["--data", "--from", "--name-column", "--value-column", "--several", "--low"]),
        ("annotation", "export", ["--data", "--to"]),
        ("annotation", "serve", ["data=", "annotator=", "port="]),
        ("pipelines", "cross", ["folder="]),
        ("station", "grade", ["photo=", "corners=", "photos=", "output=", "device_pattern=", "reference="]),
        ("station", "serve", ["run=", "models=", "token=", "queue=", "drift.window="]),
    ],
)
def test_a_command_of_a_room_says_sentence_example_and_arguments(room, word, arguments, monkeypatch, capsys):
    page = said_by(room, [word, "--help"], monkeypatch, capsys)
    command = commands_of(room)[word]
    assert command.sentence in " ".join(page.split())
    assert all(line in page for line in command.examples)
    assert all(one in page for one in arguments)


def test_choices_says_what_it_takes(monkeypatch, capsys):
    page = said_by("choices", ["--help"], monkeypatch, capsys)
    assert COMMANDS["choices"].sentence in page
    assert "python -m choices backbone" in page


@pytest.mark.parametrize("schema", schema_docs.classes())
def test_every_setting_has_a_meaning(schema):
    assert [one.key for one in schema_docs.classes()[schema] if not one.meaning] == []


def test_settings_are_those_of_the_classes():
    for module in ("cli.command_schemas", "cli.file_schemas", "cli.station_schemas", "cli.train_schema"):
        for name, schema in vars(import_module(module)).items():
            if hasattr(schema, "__dataclass_fields__") and schema.__module__ == module:
                assert sorted(one.key for one in schema_docs.classes()[name]) == sorted(schema.__dataclass_fields__)


@pytest.mark.parametrize("line", [["train.py"], ["-m", "pipelines", "cross"]])
def test_help_does_not_wait_for_libraries(line):
    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = run_plain(*line, "--help", env=os.environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(2)) < 1.5
