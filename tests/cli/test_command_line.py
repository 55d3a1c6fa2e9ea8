import pytest

from cli.command_line import quote_path


@pytest.mark.parametrize("name", ["plain-1.0+x", "with space", "a=b,c", "it's (1)", 'say "x"', "[x]", "{y}"])
def test_an_existing_path_passes_hydras_grammar(tmp_path, name):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (tmp_path / name).mkdir()
    word = quote_path(f"datamodule.root={tmp_path / name}")
    (override,) = OverridesParser.create().parse_overrides([word])
    assert override.value() == str(tmp_path / name) or str(override.value()) == str(tmp_path / name)


@pytest.mark.parametrize("word", ["-m", "backbone=a,b", "run=/not/there (1)", "--help", "~logger", "x='quoted, text'"])
def test_everything_else_is_left_alone(word):
    assert quote_path(word) == word
