"""What is looked at on a command line before Hydra sees it: mistakes that Hydra takes for something else, or not at all."""

import os
import re
from argparse import ArgumentParser, Namespace
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from choices import CONF, names_of
from cli.arguments import refuse
from cli.commands import COMMANDS
from cli.composition_errors import is_key, unreadable, wrong_key
from cli.help import PLUS, defaults_of
from cli.limits import problem_of_word
from cli.schema_docs import TYPES, Setting, settings_of

FORMER = {
    "speed": "autotune",
    "stack": "num_stacked_seeds",
    "ahead": "prefetch",
    "resident": "cache_on_device",
    "method": "cam_method",
    "front": "pareto_of",
    "most": "max_count",
}
"""Settings that had another name; who has typed them for months should not have to guess."""
HYDRAS = ("hydra", "now", "python_version")
"""Resolvers that Hydra adds when it starts."""
NO_CHOICE = re.compile(r"null|none|true|false|[-+.\d]+", re.IGNORECASE)
"""What Hydra reads as something else than a text, or as none."""


def check_words(words: list[str], config: str) -> list[str]:
    """The words as Hydra takes them, flags first. Ends the command with one line for a mistake."""
    flags, overrides = _parsed(words)
    for at, word in enumerate(overrides):
        if mistake := _mistake(word, overrides[at + 1 :], config):
            refuse(mistake)
        if re.search(r"=(tag\(.*)?interval\(", word) and not any(w.startswith("hydra/sweeper=") for w in overrides):
            refuse(f"{word}: an interval is searched with hydra/sweeper=optuna; want values such as 1,2")
        if "=glob(" in word and word.partition("=")[0] not in defaults_of(config)[0]:
            refuse(f"{word}: glob goes over the choices of an axis; want values such as 1,2")
    return [*flags, *overrides]


def _parsed(words: list[str]) -> tuple[list[str], list[str]]:
    """Flags with their values, and the other words; settings may stand before a flag, which argparse alone refuses."""
    parser: ArgumentParser = get_args_parser()

    def error(message: str) -> NoReturn:
        if odd := next((word for word in words if word.startswith("--") and "=" in word), None):
            refuse(f"{odd}: settings have no dashes; want {odd.lstrip('-')}")
        refuse(f"{message}; settings are key=value, flags are -m (a grid), --cfg job (show the settings), --help")

    parser.error = error  # type: ignore[method-assign]
    args: Namespace = parser.parse_intermixed_args(words)
    asked = {"-m": args.multirun, "--cfg": args.cfg, "--run": args.run, "--info": args.info}
    if len(given := [flag for flag, value in asked.items() if value]) > 1:
        more = "; it shows the settings of one run" if "--cfg" in given else ""
        refuse(f"{' and '.join(given)} do not go together: want one of them{more}")
    if args.experimental_rerun:
        refuse("--experimental-rerun: reads a pickle, which may run anything; want the words of the command")
    if args.resolve and not args.cfg:
        refuse("--resolve goes with --cfg job: want --cfg job --resolve")
    flags = list(words)
    for word in args.overrides:
        del flags[len(flags) - 1 - flags[::-1].index(word)]
    return flags, list(args.overrides)


def _mistake(word: str, later: list[str], config: str) -> str:
    """What is wrong with a word; empty where nothing is."""
    if not word.strip():
        return "'': an empty word; want key=value"
    if word.startswith("~"):
        return _deleted(word, config)
    key, equals, value = word.partition("=")
    if not equals:
        if later and later[0].startswith("="):
            return (
                f"{word} {' '.join(later[:2])}: want it without blanks, {word}={(later[0][1:] or ' '.join(later[1:2]))}"
            )
        return f"{word}: want key=value; --help lists the keys"
    if not key.strip("+"):
        return f"{word}: has no key; want key=value"
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return unreadable(word)
    if mistake := _interpolated(word, config):
        return mistake
    return _wrong_for_its_key(key, value, config)


def _interpolated(word: str, config: str) -> str:
    """A value that is taken from where there is none; Hydra would find out within the job."""
    for inner in re.findall(r"(?<!\\)\$\{([^${}]+)\}", word):
        name, colon, arguments = inner.partition(":")
        if not colon and not name.startswith((".", "hydra.")) and "+" not in word:
            if not is_key(name, config):
                return f"{word}: there is no {wrong_key(name, config).replace(': no such key;', ';', 1)}"
        elif colon and not OmegaConf.has_resolver(name) and name not in HYDRAS:
            return f"{word}: there is no resolver {name}; want ${{key}} or ${{oc.env:VARIABLE,default}}"
        elif name == "oc.env" and "," not in arguments and arguments.strip() not in os.environ:
            return f"{word}: the environment has no {arguments}; want it set, or ${{oc.env:{arguments},default}}"
    return ""


def _wrong_for_its_key(typed: str, value: str, config: str) -> str:
    key = typed.lstrip("+")
    plus = typed[: len(typed) - len(key)]
    groups, _ = defaults_of(config)
    fields = _fields(config)
    if key in FORMER and key not in fields and FORMER[key] in fields:
        return f"{key}={value}: is called {FORMER[key]} now: {FORMER[key]}={value}"
    if key in PLUS and COMMANDS[config].schema == "TrainConfig":
        return "" if plus == "+" else _checked(key, value, f"is added with a plus: +{key}={value}")
    if plus and key in groups:
        return f"{typed}={value}: is there already; want it without the plus: {key}={value}"
    if plus == "+" and key in fields:
        return f"{typed}={value}: is there already; want it without the plus: {key}={value}"
    if key in groups:
        return _wrong_choice_of(key, value, several=isinstance(groups[key], list))
    if "." not in key and "@" not in key and not key.startswith("hydra/") and key not in fields:
        return wrong_key(typed, config)
    if mistake := _inside_a_value(key, value, fields):
        return mistake
    schema = COMMANDS[config].schema
    return problem_of_word(f"{key}={value}", schema) if key in fields and schema not in (None, "TrainConfig") else ""


def _inside_a_value(key: str, value: str, fields: dict[str, Setting]) -> str:
    """`seed.x=3`: there is nothing below a number."""
    parent = next((one for one in _parents(key) if one in fields), None)
    if parent is not None and fields[parent].type.partition(" | ")[0] in TYPES:
        return f"{key}={value}: no such key; {parent} holds no others; want {parent}=<{fields[parent].wanted}>"
    return ""


def _parents(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:end]) for end in range(len(parts) - 1, 0, -1)]


def _checked(key: str, value: str, else_: str) -> str:
    known = names_of(key)
    parts = [part for part in value.strip("[]").split(",") if re.fullmatch(r"\w+", part) and part not in known]
    if parts:
        return f"{key}={parts[0]}: no such choice; want one of {', '.join(known)}, with a plus: +{key}={known[0]}"
    return f"{key}={value}: {else_}"


def _wrong_choice_of(group: str, value: str, *, several: bool) -> str:
    known = names_of(group)
    for part in value.split(",") if not value.startswith("[") else []:
        if part not in known and (not part or NO_CHOICE.fullmatch(part)):
            return f"{group}={part}: no such choice; want one of {', '.join(known)}"
    if value.replace(" ", "") == "[]":
        return f"{group}=[]: want one or more of {', '.join(known)}"
    if re.fullmatch(r"\[.*\]", value) and not several:
        many = value.strip("[]").replace(" ", "")
        return f"{group}={value}: takes one choice; for a run of each want -m {group}={many}"
    return ""


def _deleted(word: str, config: str) -> str:
    key = word.lstrip("~").partition("=")[0]
    groups, _ = defaults_of(config)
    fields: dict[str, Any] = _fields(config)
    if key in groups:
        optional = groups[key] is None or fields[key].default is None
        return "" if optional else f"{word}: cannot be left out; want {key}=<one of {', '.join(names_of(key))}>"
    if key in fields:
        return f"{word}: cannot be left out; want {key}=<{fields[key].wanted}>"
    return "" if "." in key or ((CONF / key).is_dir() and "/" in key) else wrong_key(word, config)


def _fields(config: str) -> dict[str, Setting]:
    schema = COMMANDS[config].schema
    assert schema is not None
    return {one.key: one for one in settings_of(schema)}
