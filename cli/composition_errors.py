"""Why a command line cannot be composed, as one line that names the key or value and what would be right."""

import difflib
import re
import sys
from functools import cache
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from choices import CONF, names_of
from cli.commands import COMMANDS
from cli.schema_docs import settings_of

SUGGESTED = 3
"""Keys that are suggested at most."""


def explain(error: BaseException, config_name: str) -> str:
    """One line that names the key or value and the valid ones."""
    chain = _chain(error)
    for link in chain:
        if isinstance(link, MissingConfigException) and link.options is not None:
            return _wrong_choice(link)
        if isinstance(link, OverrideParseException):
            return unreadable(link.override)
    text = "\n".join(str(link) for link in chain if str(link))
    return _about_a_key(text, config_name) or _about_a_value(text, config_name) or " ".join(str(error).split())


def _chain(error: BaseException) -> list[BaseException]:
    """It, and what it comes from."""
    links: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop(0)
        if link is not None and link not in links:
            links.append(link)
            waiting += [link.__cause__, link.__context__]
    return links


def _wrong_choice(error: MissingConfigException) -> str:
    group, _, choice = (error.missing_cfg_file or "").rpartition("/")
    return f"{group}={choice}: no such choice; want one of {', '.join(sorted(error.options or []))}"


def unreadable(word: str) -> str:
    """A word outside Hydra's grammar: a list that is not closed, a second equals sign."""
    quotes = "a text with such signs in quotes: 'key=\"…\"'"
    for opening, closing in ("[]", "{}", "()"):
        if word.count(opening) != word.count(closing):
            missing = closing if word.count(opening) > word.count(closing) else opening
            return f"{word}: a {missing} is missing; want lists as [a,b], and {quotes}"
    return f"{word}: cannot be read; want key=value, lists as [a,b], and {quotes}"


def _about_a_key(text: str, config_name: str) -> str:
    inner = re.search(r"Key '([^']+)' (?:is )?not in[^\n]*\n\s*full_key: (\S+)", text)
    if inner and inner.group(2).endswith(f".{inner.group(1)}"):
        return wrong_key(inner.group(2), config_name)
    key = re.search(r"Could not override '([^']+)'", text) or re.search(r"Key '([^']+)' (?:is )?not in", text)
    gone = re.search(r"Could not delete from config\. '([^']+)' does not exist", text)
    key = key or gone
    return wrong_key(key.group(1), config_name) if key else ""


def _about_a_value(text: str, config_name: str) -> str:
    several = re.search(r"Ambiguous value for argument '(.*)'\n", text) or re.search(
        r"Sweep parameters '(.*)' requires", text
    )
    if several:
        word = several.group(1)
        key, _, value = word.partition("=")
        listed = f"; one list is {key}=[{value}]" if "(" not in value else ""
        return f"{word}: several values are a grid; want -m {word}{listed}"
    there = re.search(r"An item is already at '([^']+)'", text)
    if there:
        return f"+{there.group(1)}: is there already; want it without the plus: {there.group(1)}=<value>"
    return _wrong_value(text, config_name)


def _wrong_value(text: str, config_name: str) -> str:
    """A value of another type than the key's."""
    wrong = re.search(r"(\S.*)\n\s*full_key: (\S+)", text)
    word = re.search(r"Error merging override ([^=\n]*)(.*)", text)
    if wrong:
        key, what = wrong.group(2), wrong.group(1)
    elif word:
        key, what = word.group(1), f"{word.group(1)}{word.group(2)} does not fit"
    else:
        return ""
    wanted = _wanted(key, config_name)
    return f"{key}: {what}{f'; want {wanted}' if wanted else ''}"


def _wanted(key: str, config_name: str) -> str:
    """What the schema takes there, in words; empty for keys that it does not have."""
    schema = COMMANDS[config_name].schema
    known = {one.key: one.wanted for one in settings_of(schema)} if schema else {}
    return known.get(key, "")


def _chosen() -> list[str]:
    """The words of the command line that choose one of conf's files: they decide which keys there are."""
    chosen = []
    for word in sys.argv[1:]:
        group, _, choice = word.lstrip("+").partition("=")
        if re.fullmatch(r"[\w/]+", group) and choice in names_of(group) and not group.startswith("hydra/"):
            chosen.append(word)
    return chosen


@cache
def _composed(config_name: str, chosen: tuple[str, ...]) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            return compose(config_name, overrides=list(chosen))
        except Exception:  # of words that do not go together the first mistake is told, here it is the key
            return compose(config_name)


def wrong_key(typed: str, config_name: str) -> str:
    """Names the key that was meant, wherever it stands, and those that stand where the wrong one was looked for."""
    key = typed.lstrip("+~").partition("=")[0]
    if key.startswith(("hydra.", "hydra/")):
        return f"{key}: no such key of Hydra's; --cfg hydra shows them"
    config = _composed(config_name, tuple(_chosen()))
    node: Any = config
    *parents, last = key.split(".")
    place: list[str] = []
    for parent in parents:
        if not isinstance(node, DictConfig) or parent not in node:
            last = parent
            break
        place.append(parent)
        node = OmegaConf.select(node, parent, throw_on_missing=False)
    valid = sorted(str(name) for name in node) if isinstance(node, DictConfig) else []
    near = meant(last, [".".join([*place, name]) for name in valid], [] if place else _paths(config))
    fields = {one.key for one in settings_of(COMMANDS[config_name].schema or "")}
    near = [
        path for path in near if path in fields
    ] or near  # what every configuration has, before what a choice brings
    if parents and not place:
        near = [".".join([near[0], *key.split(".")[1:]])] if near else []
    hint = f"did you mean {' or '.join(near[:SUGGESTED])}? " if near else ""
    return f"{key}: no such key; {hint}valid {'here' if place else 'keys'}: {', '.join(valid)}"


def is_key(key: str, config_name: str) -> bool:
    """Whether a configuration has it, by its first part: the points of a grid may have different keys below."""
    first = re.split(r"[.\[]", key)[0]
    added = any(word.startswith(f"+{first}=") or word.startswith(f"++{first}=") for word in sys.argv[1:])
    return added or first in list(
        _composed(config_name, tuple(_chosen()))
    )  # `in` alone passes over those without a value


def _paths(node: DictConfig, above: str = "") -> list[str]:
    """Every key below a node, in full."""
    found = []
    for name in node:
        path = above + str(name)
        found.append(path)
        inner = node._get_node(name)
        if isinstance(inner, DictConfig) and not inner._is_missing() and not inner._is_none():
            found += _paths(inner, f"{path}.")
    return [path for path in found if not path.rpartition(".")[2].startswith("_")]


def meant(last: str, here: list[str], everywhere: list[str]) -> list[str]:
    """Full keys that a wrong one may stand for, the likeliest alone.

    The same last part anywhere, then a close one here, a word of one here or anywhere, at last a close one anywhere.
    """
    last = last.lower()
    by_tail = {path: path.rpartition(".")[2].lower() for path in sorted([*here, *everywhere], key=_depth)}
    tiers = (
        [path for path in everywhere if by_tail[path] == last],
        _near(last, here, by_tail),
        [path for path in here if last in by_tail[path].split("_")],
        [path for path in everywhere if last in by_tail[path].split("_")],
        _near(last, everywhere, by_tail),
    )
    return sorted(next(filter(None, tiers), []), key=_depth)


def _near(last: str, paths: list[str], by_tail: dict[str, str]) -> list[str]:
    close = difflib.get_close_matches(last, {by_tail[path] for path in paths}, n=1)
    return [path for path in paths if by_tail[path] in close]


def _depth(path: str) -> tuple[int, str]:
    return path.count("."), path
