import pytest

from cli.command_line import quote_path


@pytest.mark.parametrize("name", ["plain-1.0+x", "with space", "a=b,c", "it's (1)", 'say "x"', "[x]", "{y}"])
def test_an_existing_path_passes_hydras_grammar(tmp_path, name):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (tmp_path / name).mkdir()
    word = quote_path(f"datamodule.root={tmp_path / name}")
    (override,) = OverridesParser.create().parse_overrides([word])
    assert override.value() == str(tmp_path / name) or str(override.value()) == str(tmp_path / name)


@pytest.mark.parametrize("name", ["Gehäuse", "携帯 (1)", "a#b", "back\\slash", "ends\\", 'a\\"b', "a=b", "x,y"])
@pytest.mark.parametrize("key", ["paths.runs", "output", "json", "datamodule.root"])
def test_a_path_that_is_not_there_yet_does_as_well(key, name, monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py"])
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (override,) = OverridesParser.create().parse_overrides([quote_path(f"{key}=/not/there/{name}")])
    assert str(override.value()) == f"/not/there/{name}"


def test_in_a_grid_commas_part_folders(monkeypatch):
    monkeypatch.setattr("sys.argv", ["train.py", "-m"])
    assert quote_path("datamodule.root=/not/ü,/there") == "datamodule.root=/not/ü,/there"


@pytest.mark.parametrize(
    "word",
    [
        "-m",
        "backbone=a,b",
        "name=/not/there (1)",
        "datamodule.root=[/a,/b]",
        "run=${input}/x (1)",
        "--help",
        "~logger",
        "x='quoted, text'",
    ],
)
def test_everything_else_is_left_alone(word):
    assert quote_path(word) == word
