"""Why a command line cannot be composed, as one line that names the key or value and what would be right."""

import difflib
import re
import sys

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from choices import CONF


def explain(error: Exception, config_name: str) -> str:
    """One line that names the key or value and the valid ones."""
    chain = [error, error.__cause__, error.__context__]
    for link in chain:
        if isinstance(link, MissingConfigException) and link.options is not None:
            return _wrong_choice(link)
    text = "\n".join(str(link) for link in chain if link)
    inner = re.search(r"Key '([^']+)' (?:is )?not in[^\n]*\n\s*full_key: (\S+)", text)
    if inner and inner.group(2).endswith(f".{inner.group(1)}"):
        return _wrong_key(inner.group(2), config_name)
    key = re.search(r"Could not override '([^']+)'", text) or re.search(r"Key '([^']+)' (?:is )?not in", text)
    if key:
        return _wrong_key(key.group(1), config_name)
    wrong_type = re.search(r"(Value '.*' .*)\n\s*full_key: (\S+)", text)
    if wrong_type:
        return f"{wrong_type.group(2)}: {wrong_type.group(1)}"
    return " ".join(str(error).split())


def _wrong_choice(error: MissingConfigException) -> str:
    group, _, choice = (error.missing_cfg_file or "").rpartition("/")
    return f"{group}={choice}: no such choice; want one of {', '.join(sorted(error.options or []))}"


def _chosen() -> list[str]:
    """The words of the command line that choose one of conf's files: they decide which keys there are."""
    chosen = []
    for word in sys.argv[1:]:
        group, _, choice = word.lstrip("+").partition("=")
        if (
            re.fullmatch(r"[\w/]+", group)
            and re.fullmatch(r"\w+", choice)
            and (CONF / group / f"{choice}.yaml").exists()
        ):
            chosen.append(word)
    return chosen


def _wrong_key(key: str, config_name: str) -> str:
    """Names the keys that stand where the wrong one was looked for."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node: object = compose(config_name, overrides=_chosen())
    *parents, last = key.lstrip("+~").split(".")
    for parent in parents:
        if not isinstance(node, DictConfig) or parent not in node:
            last = parent
            break
        node = OmegaConf.select(node, parent, throw_on_missing=False)
    valid = sorted(str(name) for name in node) if isinstance(node, DictConfig) else []
    near = difflib.get_close_matches(last, valid, n=1)
    hint = f"did you mean {'.'.join([*parents, near[0]])}? " if near else ""
    return f"{key}: no such key; {hint}valid {'here' if parents else 'keys'}: {', '.join(valid)}"
