"""Mistakes on the command line: one line that names the key or value and what would be right, exit code 2."""

import sys
from importlib import import_module

import hydra
import pytest
from omegaconf import DictConfig

from choices import CONF, PACKAGES
from cli import command_line
from cli.command_line import run_cli
from cli.train_schema import register

register()


def main_of(config):
    """What Hydra would run; a mistake that gets so far is missed."""

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name=config)
    def main(cfg: DictConfig) -> None:
        print("composed")

    return main


@pytest.fixture
def answer(monkeypatch, capsys, tmp_path):
    """Runs words of a command in this process: exit code, stdout, stderr."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    for module in (
        "hydra.core.utils",
        "hydra._internal.hydra",
    ):  # it closes every handler there is, and absl's closes stderr
        monkeypatch.setattr(f"{module}.configure_log", lambda *_: None)

    def run(config, words, main=None):
        monkeypatch.setattr(sys, "argv", [f"{config}.py", *words])
        code = 0
        try:
            run_cli(main or main_of(config), config)
        except SystemExit as stop:
            code = stop.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("callbacks=null", "callbacks=null: no such choice; want one of default"),
        ("optimizer=null", "optimizer=null: no such choice; want one of adam, adamw"),
        ("task=null", "want one of grading, multilabel, regression, segmentation"),
        ("-m optimizer=null,adam", "optimizer=null: no such choice; want one of adam, adamw"),
        ("trainer=5", "trainer=5: no such choice; want one of ddp, default"),
        ("export=true", "export=true: no such choice; want one of all, none"),
        ("backbone=", "backbone=: no such choice; want one of csrn"),
        ("backbone=mobilnet", "backbone=mobilnet: no such choice; want one of csrn"),
        ("backbone=[mobilenet,csrn]", "want -m backbone=mobilenet,csrn"),
        ("quantization=[]", "quantization=[]: want one or more of dynamic"),
        ("sweep=steel", "sweep=steel: is added with a plus: +sweep=steel"),
        ("sweep=nosuch", "sweep=nosuch: no such choice; want one of beyond"),
        ("finalist=none", "+finalist=none"),
        ("+experiment=demo", "want it without the plus: experiment=demo"),
        ("+optimizer=adamw", "want it without the plus: optimizer=adamw"),
        ("+seed=3", "want it without the plus: seed=3"),
        ("+lr=3", "lr: no such key; did you mean optimizer.lr?"),
        ("=3", "=3: has no key; want key=value"),
        ("class=[1,", "class=[1,: a ] is missing; want lists as [a,b]"),
        ("datamodule.root=[1,2", "datamodule.root=[1,2: a ] is missing"),
        ("a=b=c", "a=b=c: cannot be read; want key=value"),
        ("seed", "seed: want key=value"),
        ("seed = 3", "seed = 3: want it without blanks, seed=3"),
        ("''", "'': an empty word; want key=value"),
        ("-m seed=0,1 --cfg job", "-m and --cfg do not go together"),
        ("--resolve", "want --cfg job --resolve"),
        ("--foo", "unrecognized arguments: --foo; settings are key=value"),
        ("--seed=3", "--seed=3: settings have no dashes; want seed=3"),
        ("--cfg all_of_it", "invalid choice: 'all_of_it' (choose from 'job'"),
        ("seed=0,1", "seed=0,1: several values are a grid; want -m seed=0,1"),
        ("seeds=none", "seeds=none: want a whole number"),
        ("-m optimizer.lr=interval(0,1)", "want values such as 1,2"),
        ("-m seed=glob(*)", "glob goes over the choices of an axis"),
        (
            "epochs=3",
            "epochs: no such key; did you mean halving.min_epochs or trainer.max_epochs? valid keys: augmentation",
        ),
        ("max_epochs=3", "did you mean trainer.max_epochs?"),
        ("lr=0.1", "did you mean optimizer.lr?"),
        ("batchsize=3", "did you mean batch_size?"),
        ("runs=x", "did you mean paths.runs or"),
        ("root=x", "did you mean datamodule.root?"),
        ("exprot.enabled=true", "did you mean export.enabled?"),
        ("trainer.epochs=3", "did you mean trainer.max_epochs?"),
        ("speed=plain", "speed=plain: is called autotune now: autotune=plain"),
        ("stack=3", "num_stacked_seeds=3"),
        ("ahead=0", "prefetch=0"),
        ("resident=true", "cache_on_device=true"),
        ("seed=abc", "seed: Value 'abc' of type 'str' could not be converted to Integer; want a whole number"),
        ("seed.x=3", "seed holds no others; want seed=<a whole number from 0 to 4294967295>"),
        ("fold=1.5", "fold: Value '1.5' of type 'float' could not be converted to Integer; want a whole number"),
        ("~task", "~task: cannot be left out; want task=<one of grading"),
        ("~seed", "~seed: cannot be left out; want seed=<a whole number from 0 to 4294967295>"),
        ("~nosuch", "nosuch: no such key; valid keys: "),
    ],
)
def test_a_mistake_in_a_training_is_one_line(line, wanted, answer):
    words = [line] if line.startswith("''") else line.split()
    code, out, err = answer("train", ["" if word == "''" else word for word in words])
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert wanted in err
    assert (code, out) == (2, "")


@pytest.mark.parametrize(
    ("config", "words", "wanted"),
    [
        ("predict", ["folder=x"], "folder: no such key; valid keys: batch_size"),
        ("predict", ["backbone=mobilenet"], "backbone: no such key; valid keys: batch_size"),
        ("predict", ["+sweep=steel"], "sweep: no such key; valid keys: batch_size"),
        ("predict", ["batch_size=range(1,3)"], "want -m batch_size=range(1,3)"),
        ("predict", ["batch_size=null"], "batch_size: field 'batch_size' is not Optional; want a whole number"),
        ("predict", ["hydra.foo=1"], "hydra.foo: no such key of Hydra's"),
        ("predict", ["run=${nosuch}"], "run=${nosuch}: there is no nosuch; valid keys: batch_size"),
        ("predict", ["run=${inptu}"], "run=${inptu}: there is no inptu; did you mean input?"),
        ("predict", ["run=${nosuch:x}"], "run=${nosuch:x}: there is no resolver nosuch"),
        ("predict", ["run=${oc.env:NO_SUCH_VARIABLE}"], "the environment has no NO_SUCH_VARIABLE"),
        ("study", ["std=nosuch"], "did you mean study?"),
        ("predict", ["speed=3"], "speed: no such key"),
        ("export", ["latency=nosuch"], "latency=nosuch: no such choice; want one of adb, arm, browser, host"),
        ("export", ["checkpoint=last"], "did you mean export.checkpoint?"),
        ("bench", ["pareto=x"], "did you mean pareto_of?"),
        ("web", ["port=abc"], "port: Value 'abc'"),
        ("grade", ["corners=abc"], "want a list such as [a,b] or null"),
        ("inspect", ["max_count=x"], "want a whole number"),
        ("inspect", ["most=8"], "most=8: is called max_count now: max_count=8"),
        ("bench", ["front=runs/x"], "front=runs/x: is called pareto_of now: pareto_of=runs/x"),
        ("cross", ["fold=x"], "did you mean folder?"),
        ("annotate", ["dat=x"], "did you mean data?"),
    ],
)
def test_a_mistake_in_another_command_is_one_line(config, words, wanted, answer):
    code, out, err = answer(config, words)
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert wanted in err
    assert (code, out) == (2, "")


@pytest.mark.parametrize("words", [["run="], ["run=' '"]])
def test_an_empty_value_is_a_missing_one(words, answer):
    code, _, err = answer("grade", ["photo=x", *words], main=import_module("station.__main__").main)
    assert code == 2
    assert err == "error: run= is missing: want run=<a run's folder or an exported .tflite file>\n"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["photo=x", "photos=y"], "photo= and photos=: want one of them"),
        (["photos="], "photo= is missing: want photo=<an image file>, or photos=<a folder of photos>"),
        (["photo=x", "output=y"], "output=y: goes with photos=<a folder>, not with photo="),
        (["photos=x", "json=y"], "json=y: goes with photo=<an image file>, not with photos="),
        (["photos=x", "corners=[1,2]"], "corners=[1.0, 2.0]: goes with photo=<an image file>, not with photos="),
        (["photos=x", "devices=a.csv", r"device_pattern=(?P<device>\d+)"], "devices= and device_pattern=: want one"),
        (["photos=x", "device_pattern=[a-z"], "device_pattern=[a-z: no regular expression (unterminated"),
        (
            ["photos=x", "device_pattern=[A-Z]+_.*"],
            "device_pattern=[A-Z]+_.*: it names no device; want a part (?P<device>",
        ),
        (["photos=x", "join=best"], "join=best: want half, worst or mean"),
        (["photos=x", "jobs=0"], "jobs=0: want a whole number"),
        (["photos=x", "least_cell_px=-1"], "least_cell_px=-1: want a whole number"),
    ],
)
def test_settings_of_the_station_that_do_not_go_together_are_named(words, wanted, answer):
    code, _, err = answer("grade", ["run=x", *words], main=import_module("station.__main__").main)
    assert code == 2
    assert err.startswith(f"error: {wanted}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], "want one of run=<a run's folder or .tflite file> and models="),
        (["run=x", "models={a: x}"], "want one of run=<a run's folder or .tflite file> and models="),
        (["models={a: x"], "models={a: x: want names with a run's folder or a .tflite file each"),
        (["models={a/b: x}"], "models: 'a/b': want a name of letters, digits, _, . and -"),
        (["run=x", "token=short"], "token=: 5 letters; want at least 16, or none and one is made"),
        (["models={a: x, b: y}", "reference=z"], "reference=: goes with one model"),
        (["run=x", "queue=-1"], "queue=-1: want a whole number"),
        (["run=x", "drift.window=1"], "drift.window=1: want a whole number"),
    ],
)
def test_settings_of_the_served_station_that_cannot_be_are_named(words, wanted, answer):
    code, _, err = answer("station_api", words, main=import_module("web.station_serve").main)
    assert code == 2
    assert err.startswith(f"error: {wanted}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("room", "words", "wanted"),
    [
        ("pipelines", [], "python -m pipelines: want one of study, demo, quickstart, probe, cross"),
        ("pipelines", ["nosuch"], "python -m pipelines nosuch: want one of study, demo, quickstart, probe, cross"),
        ("station", ["photo=x"], "python -m station photo=x: want one of grade"),
        ("sweeps", [], "python -m sweeps: want one of status, table, report, wandb"),
        ("sweeps", ["tabel"], "python -m sweeps tabel: want one of status, table, report, wandb"),
        ("sweeps", ["table", "/nowhere"], "/nowhere: no such sweep folder"),
        ("sweeps", ["table", "--foo"], "unrecognized arguments: --foo"),
        (
            "annotation",
            ["nosuch"],
            "want one of serve, agreement, doubtful, import, import-masks, import-numbers, export",
        ),
        ("annotation", ["import"], "the following arguments are required: --data, --from"),
        ("annotation", ["agreement", "--data", "{tmp}", "seed=3"], "seed=3: no such option"),
        ("annotation", ["agreement", "--data", "{tmp}", "--foo"], "--foo: no such option"),
        (
            "annotation",
            ["agreement", "--data", "{tmp}", "datamodule=nosuch"],
            "datamodule=nosuch: no such choice; want",
        ),
        ("annotation", ["agreement", "--data", "{tmp}", "datamodule.rows=x"], "datamodule.rows=x: want a whole number"),
        ("annotation", ["agreement", "--data", "{tmp}", "datamodule.rwos=3"], "did you mean datamodule.rows?"),
        ("choices", ["nosuch"], "nosuch: no such axis; want one of augmentation"),
    ],
)
def test_a_mistake_in_a_room_is_one_line(room, words, wanted, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", [room, *(word.format(tmp=tmp_path) for word in words)])
    module = import_module(f"{room}.__main__")
    with pytest.raises(SystemExit) as stop:
        getattr(module, "command", module.main)()
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert wanted in said.err
    assert not said.out


@pytest.mark.parametrize("room", ["pipelines", "sweeps", "annotation", "station", "choices"])
def test_a_package_that_is_not_there_is_one_line(room, monkeypatch, capsys):
    monkeypatch.setenv(PACKAGES, "no_such_package")
    monkeypatch.setattr(sys, "argv", [room, "table"])
    module = import_module(f"{room}.__main__")
    with pytest.raises(SystemExit) as stop:
        getattr(module, "command", module.main)()
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {PACKAGES}=no_such_package: no such package can be imported")


@pytest.mark.parametrize("words", [[], ["logger=wandb", "backbone=mobilenetv2"]])
def test_the_resolved_configuration_is_printed(words, answer):
    code, out, err = answer("train", ["--cfg", "job", "--resolve", *words])
    assert (code, err) == (0, "")
    assert "max_epochs: 30" in out
    assert "${" not in out


@pytest.mark.parametrize(
    "words",
    [
        ["seed=3", "--cfg", "job"],
        ["--cfg", "job", "seed=3"],
        ["experiment=demo", "~logger", "++seed=3", "--cfg", "job"],
    ],
)
def test_what_is_right_is_composed_wherever_the_flags_stand(words, answer):
    code, out, err = answer("train", words)
    assert (code, err) == (0, "")
    assert "\nseed: 3\n" in out


def test_an_error_of_the_job_itself_keeps_its_traceback(answer):
    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="predict")
    def main(cfg: DictConfig) -> None:
        raise ValueError("of the program")

    with pytest.raises(ValueError, match="of the program"):
        answer("predict", [], main=main)


@pytest.mark.parametrize(
    "value", ["${input}", "${hydra:job.name}", "${now:%Y}", "${oc.env:HOME}", "${oc.env:NO_SUCH_VARIABLE,x}"]
)
def test_what_can_be_interpolated_is_no_mistake(value, answer):
    assert answer("predict", [f"run={value}", "input=x"])[:2] == (0, "composed\n")


def test_a_path_with_odd_letters_is_no_mistake(tmp_path, answer):
    folder = tmp_path / "my phones, [old"
    folder.mkdir()
    code, out, _ = answer("predict", ["run=x", f"input={folder}"])
    assert (code, out) == (0, "composed\n")
    assert command_line.quote_path("seed=3") == "seed=3"
