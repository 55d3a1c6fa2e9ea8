"""What `--help` prints: a sentence, examples, and every setting with type, default and meaning; before Hydra composes."""

import textwrap
from functools import cache
from typing import Any

import yaml

from choices import CONF, names_of, read_choice
from cli.commands import COMMANDS, ROOMS, Command, commands_of
from cli.schema_docs import REQUIRED, Setting, classes, is_group, settings_of

WIDTH = 110
PLUS = {"sweep": "A grid that conf/ holds.", "finalist": "A sweep's own finalist, or none."}
"""Groups that train.py's configuration does not choose from by itself; they are added with a plus."""

OF_SEVERAL_KEYS = {
    "experiment": "A whole experiment's settings.",
    "profile": "What is photographed: the device, its grid, the grades of its cells and the rules for its own.",
}
"""Groups without a key of their own."""


def help_page(config: str) -> str:
    """The page of a command that Hydra composes; `config` is its configuration's name."""
    command = COMMANDS[config]
    assert command.schema is not None
    groups, body = defaults_of(config)
    settings = settings_of(command.schema)
    axes = [one for one in settings if one.key in groups]
    own = [one for one in settings if (one.type != "Any" or one.key not in groups) and one.type not in classes()]
    parts = [_opening(command)]
    if command.schema == "TrainConfig":
        parts.append(_axes(config, axes, groups))
        parts.append(_more())
    elif lines := [*(_axis(one, groups[one.key]) for one in axes), *_of_several_keys(groups)]:
        parts.append("choices:\n" + "\n".join(lines))
    parts.append("settings:\n" + "\n".join(_setting(one, _default(one, groups, body)) for one in own))
    parts.append("`--cfg job` before the settings shows what a command line is composed to; --hydra-help: Hydra's own.")
    return "\n\n".join(parts)


def room_page(room: str) -> str:
    """The page of a room: its commands with a sentence each."""
    widest = max(len(one.typed) for one in commands_of(room).values())
    lines = [f"  {one.typed:<{widest}} {one.sentence}" for one in commands_of(room).values()]
    first = next(iter(commands_of(room).values())).examples[0]
    return "\n".join(
        [ROOMS[room], "", *lines, "", f"for example: {first}", f"python -m {room} <command> --help: its settings"]
    )


def check_page() -> str:
    """The page of `python -m export check`, which takes a run or a file."""
    return f"{_opening(COMMANDS['check'])}\n\nsettings:\n  run   a run's folder\n  file  a .tflite file"


def choices_page(axes: list[str]) -> str:
    """The page of `python -m choices`, which takes names of axes."""
    return f"{_opening(COMMANDS['choices'])}\n\naxes (default: all of them):\n" + textwrap.fill(
        ", ".join(axes), WIDTH, initial_indent="  ", subsequent_indent="  "
    )


@cache
def defaults_of(config: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Group → choice, and key → value, as a configuration in conf/ has them before anything is overridden."""
    read = yaml.safe_load((CONF / f"{config}.yaml").read_text())
    groups: dict[str, Any] = {}
    body: dict[str, Any] = {}
    for entry in read.pop("defaults"):
        if isinstance(entry, dict):
            ((key, choice),) = entry.items()
            if not key.removeprefix("override ").startswith("hydra/"):
                groups[key.removeprefix("override ")] = choice
        elif (CONF / f"{entry}.yaml").exists():
            more = defaults_of(entry)
            groups |= more[0]
            body |= more[1]
    read.pop("hydra", None)
    return groups, body | read


def _opening(command: Command) -> str:
    examples = "\n".join(f"  {line}" for line in command.examples)
    return f"{command.sentence}\n\nexamples:\n{examples}"


def _axes(config: str, axes: list[Setting], groups: dict[str, Any]) -> str:
    lines = [_axis(one, groups[one.key]) for one in axes] + _of_several_keys(groups)
    if config == "train":
        lines += [_axis(Setting(f"+{name}", "Any", REQUIRED, meaning), REQUIRED) for name, meaning in PLUS.items()]
    return "axes, one choice each (all of them, with a line on every choice: python -m choices):\n" + "\n".join(lines)


def _of_several_keys(groups: dict[str, Any]) -> list[str]:
    """Of the groups that set keys of others."""
    return [
        _axis(Setting(name, "Any", None, OF_SEVERAL_KEYS[name]), None) for name in groups if name in OF_SEVERAL_KEYS
    ]


def _more() -> str:
    launchers, sweepers = (", ".join(names_of(f"hydra/{kind}")) for kind in ("launcher", "sweeper"))
    return (
        "grids: -m, then lists (a,b) for any axis or setting; seeds=3 is seed=0,1,2;\n"
        f"  hydra/launcher={launchers} runs points at once, hydra/sweeper={sweepers} searches\n"
        "what a choice brings is set under its axis: optimizer.lr=0.001, datamodule.root=<folder>"
    )


def _axis(one: Setting, choice: Any) -> str:
    begin = f"  {one.key}" if choice == REQUIRED else f"  {one.key}={_spelled(choice)}"
    return _entry(begin, f"{one.meaning} {', '.join(names_of(one.key.lstrip('+')))}")


def _setting(one: Setting, default: Any) -> str:
    if default == REQUIRED:
        return _entry(f"  {one.key}=", f"{one.kind}, required. {one.meaning}")
    return _entry(f"  {one.key}={_spelled(default)}", f"{one.kind}. {one.meaning}")


def _entry(begin: str, text: str) -> str:
    indent = " " * 34
    lines = textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    if len(begin) < len(indent):
        return "\n".join([begin.ljust(len(indent)) + lines[0].lstrip(), *lines[1:]])
    return "\n".join([begin, *lines])


def _default(one: Setting, groups: dict[str, Any], body: dict[str, Any]) -> Any:
    """What the configuration says, else the chosen file of the group, else the schema."""
    if one.key in body:
        return body[one.key]
    group, _, key = one.key.rpartition(".")
    if group in groups and is_group(Setting(group, "Any", None, "")):
        return read_choice(group, groups[group]).get(key, one.default)
    within = body.get(group)
    return within.get(key, one.default) if isinstance(within, dict) else one.default


def _spelled(value: Any) -> str:
    """As it would be typed; a long list by its number."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        text = f"[{','.join(map(_spelled, value))}]"
        return text if len(text) < 60 else f"[{len(value)} of them]"
    return str(value)
