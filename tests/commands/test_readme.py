"""What the README tells people to type exists and composes."""

import os
import re
import shlex
import subprocess
import sys

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

from choices import ROOT
from cli.command_line import quote_path, repeated
from cli.train_schema import register
from lightning_modules.backbones.keras_weights import WIDTHS

HERE = ROOT
PAGES = [HERE / "README.md", HERE / "CONTRIBUTING.md", *sorted((HERE / "docs").rglob("*.md"))]
EXAMPLES = HERE / "docs" / "architecture.md"
"""Commands there name a package that nobody has."""
README = "\n".join(page.read_text() for page in PAGES if page != EXAMPLES)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]

register()


def test_there_are_commands():
    assert {"make demo", "make test"} <= set(COMMANDS)
    assert any(command.startswith("python train.py -m") for command in COMMANDS)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_targets_exist(command):
    done = subprocess.run([*shlex.split(command), "--dry-run"], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("annotate", "DATA"),
        ("try", "DATA"),
        ("doubtful DATA=photos", "RUNS"),
        ("import-labels DATA=photos", "FROM"),
        ("import-masks DATA=images FROM=coco.json", "TO"),
        ("import-numbers DATA=images", "FROM"),
    ],
)
def test_a_make_target_asks_for_what_it_needs(command, missing):
    done = subprocess.run(["make", *command.split()], cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {missing} is missing: make {command.split()[0]} {missing}=<")


def choices(override):
    """The values of a sweep, or the ends of an interval."""
    if override.is_discrete_sweep():
        return list(override.sweep_string_iterator())
    return [override.value().start, override.value().end]


def points(words):
    """Every override list that a sweep's words stand for, first and last choice of each."""
    parsed = OverridesParser.create().parse_overrides(words)
    for end in (0, -1):
        yield [
            f"{override.get_key_element()}={choices(override)[end]}"
            if override.is_sweep_override()
            else override.input_line
            for override in parsed
        ]


@pytest.mark.parametrize("command", [command for command in COMMANDS if "train.py" in command])
def test_training_commands_compose(command):
    words = [repeated(word.replace("<job>", "job")) for word in shlex.split(command)[2:] if word != "-m"]
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        for overrides in points(words):
            root = next((word.partition("=")[2] for word in words if word.startswith("datamodule.root=")), None)
            composed = compose("train", overrides=overrides).datamodule.root
            assert root in (None, composed)


@pytest.mark.parametrize("command", [command for command in COMMANDS if "predict.py" in command])
def test_prediction_commands_compose(command):
    words = [word.replace("<job>", "job") for word in shlex.split(command)[2:]]
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        assert compose("predict", overrides=words).run.startswith(("runs/first/job", "runs/adhoc/job"))


@pytest.mark.parametrize("command", [command for command in COMMANDS if "-m export " in command])
def test_export_commands_compose(command):
    words = [word.replace("<job>", "job") for word in shlex.split(command)[3:]]
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        if words[0] == "check":
            assert [word.partition("=")[0] for word in words[1:]] in (["run"], ["file"])
            return
        if words[0] in ("score", "diff", "ask"):
            given = [word for word in words[1:] if "=" in word]
            assert compose(words[0], overrides=given)
            return
        assert set(compose("export", overrides=words).quantization) == {"float32", "float16", "dynamic", "int8"}


@pytest.mark.parametrize("command", [command for command in COMMANDS if "-m export.latency" in command])
def test_timing_commands_compose(command):
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        assert list(compose("bench", overrides=shlex.split(command)[3:]).latency) in (["host"], ["browser"])


@pytest.mark.parametrize("command", [command for command in COMMANDS if "-m station grade" in command])
def test_grading_commands_compose(command):
    words = [quote_path(word.replace("<job>", "job")) for word in shlex.split(command)[4:]]
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        corners = compose("grade", overrides=words).corners
        assert corners is None or len(corners) == 8


@pytest.mark.parametrize("command", [command for command in COMMANDS if "-m station serve" in command])
def test_serving_commands_compose(command, monkeypatch):
    monkeypatch.setenv("STATION_TOKEN", "from the environment")
    words = [quote_path(word.replace("<job>", "job")) for word in shlex.split(command)[4:]]
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        composed = compose("station_api", overrides=words)
    assert (composed.run is None) != (composed.models is None)
    assert composed.token in (None, "from the environment")


def test_modules_that_are_named_exist():
    for command in COMMANDS:
        module = re.match(r"python -m ([\w.]+)", command)
        if module:
            place = HERE / module.group(1).replace(".", "/")
            assert (place / "__main__.py").exists() or place.with_suffix(".py").exists()


def test_pictures_exist():
    for page in PAGES:
        for picture in re.findall(r"!\[.*?\]\((.*?)\)", page.read_text()):
            assert (page.parent / picture).is_file()


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = (HERE / "README.md").read_text()
    assert len(text.splitlines()) <= 250
    links = re.findall(r"(?<!!)\[.*?\]\((.*?)\)", text)
    assert len(links) > 15
    for link in links:
        assert (HERE / link).is_file()
    pages = {link.removeprefix("docs/") for link in links if link.startswith("docs/")}
    assert {page for page in pages if "/" not in page} == {page.name for page in (HERE / "docs").glob("*.md")}
    assert "results/index.md" in pages


def test_the_index_of_the_results_leads_to_every_page_of_them():
    index = HERE / "docs" / "results" / "index.md"
    links = {link.partition("#")[0] for link in re.findall(r"(?<!!)\[.*?\]\((.*?)\)", index.read_text())}
    assert all((index.parent / link).is_file() for link in links)
    assert {page.name for page in index.parent.glob("*.md")} - {"index.md"} <= links


@pytest.mark.slow
def test_the_pages_become_a_site_without_a_network(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", tmp_path],
        cwd=HERE, env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "https_proxy": "http://127.0.0.1:9"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for page in ("index", "files", "choices", "settings", "protocols", "CONTRIBUTING"):
        assert (tmp_path / f"{page}.html").is_file()
    assert "backbone=mobilenetv2" in (tmp_path / "choices.html").read_text()
    assert "heads.base.Head" in (tmp_path / "protocols.html").read_text()
    fetched = [
        address
        for path in tmp_path.rglob("*.html")
        for address in re.findall(
            r"<(?:script|link rel=.stylesheet.|img)[^>]*?(?:src|href)=.(https?://[^\"' >]+)", path.read_text()
        )
    ]
    assert fetched == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_ends_with_its_table(tmp_path):
    done = subprocess.run(
        ["make", "demo", f"DEMO_RUNS={tmp_path}"], cwd=HERE, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"{tmp_path}/demo/table.csv" in done.stdout
    assert len(list(tmp_path.glob("demo/*/record.json"))) == 5
    assert (tmp_path / "demo" / "graded.jpg").is_file()
    assert "zoo/mobilenet_0.5, untouched" in done.stdout


@pytest.mark.parametrize("command", [command for command in COMMANDS if "-m pipelines probe" in command])
def test_probing_commands_compose(command):
    words = [repeated(word) for word in shlex.split(command)[4:] if word != "-m"]
    with initialize_config_dir(str(HERE / "conf"), version_base="1.3"):
        assert all(compose("probe", overrides=overrides).sweep_name == "probes" for overrides in points(words))


@pytest.mark.parametrize("command", [command for command in COMMANDS if "backbones.keras_weights" in command])
def test_commands_for_weights_are_understood(command):
    words = shlex.split(command)[3:]
    assert words[0] in WIDTHS
    assert all(word in ("--width", "--resolution") for word in words[1::2])
