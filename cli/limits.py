"""The schemas' ranges: which key of a composed configuration, or of a word as it is typed, is beyond its own."""

from dataclasses import is_dataclass
from functools import cache
from inspect import isclass
from typing import Any, get_type_hints

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, QuotedString
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from choices.settings import wrong
from cli import command_schemas, file_schemas, station_schemas

MODULES = (command_schemas, file_schemas, station_schemas)
"""Of the commands beside train.py."""


@cache
def _hints(schema: type) -> dict[str, Any]:
    return get_type_hints(schema, include_extras=True)


def problem_of(cfg: DictConfig, schema: Any, prefix: str = "") -> str:
    """The first key that is beyond its range, or that the schema does not have; one line, empty where all are right."""
    hints = _hints(schema)
    if prefix and (odd := next((str(key) for key in cfg if key not in hints), None)):
        return f"{prefix}{odd}={cfg[odd]}: no such key; valid here: {', '.join(sorted(hints))}"
    for key, hint in hints.items():
        if OmegaConf.is_missing(cfg, key) or hint is Any:
            continue
        full = prefix + key
        if (
            said := problem_of(cfg[key], hint, f"{full}.")
            if isclass(hint) and is_dataclass(hint)
            else wrong(full, hint, cfg[key])
        ):
            return said
    return ""


def problem_of_word(word: str, schema: str) -> str:
    """The same for a word `key=value` of a command beside train.py; a value of another type is told when it is composed."""
    read = OverridesParser.create().parse_override(word)
    own: Any = next(vars(one)[schema] for one in MODULES if schema in vars(one))
    given = read.value()
    for value in given.list if isinstance(given, ChoiceSweep) else [given]:
        cfg = OmegaConf.structured(own)
        try:
            OmegaConf.update(cfg, read.key_or_group, value.text if isinstance(value, QuotedString) else value)
        except (OmegaConfBaseException, ValueError):
            return ""
        if "${" not in word and (said := problem_of(cfg, own)):
            return said
    return ""
