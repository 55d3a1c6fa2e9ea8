"""How a command answers: one clear line for a mistake, an exit code, no traceback for what a person can mend."""

import difflib
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, MissingConfigException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.record import RunIsBusyError, one_line, wrapped

if TYPE_CHECKING:
    from conf.point import Point
    from datamodules.samples import Samples

CONF = Path(__file__).parent
SAID_BEFORE = "GRIDLITE_NOTES_SAID"
"""Environment variable: fingerprint of data whose notes a command has said before it called this one."""
USER_ERROR = 2
"""Exit code for a command line that cannot be composed."""


def answer(main: Callable[[], None], config_name: str) -> None:
    """Runs a Hydra main and turns composition errors into one line on stderr and exit code 2."""
    sys.argv[1:] = [quote_path(repeated(word)) for word in sys.argv[1:]]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing its own several lines
    try:
        main()
    except (HydraException, OmegaConfBaseException) as error:
        print(f"error: {explain(error, config_name)}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)


def repeated(word: str) -> str:
    """`seeds=3` → `seed=0,1,2`; other words as they are. A number below 1 ends the command with one line."""
    key, _, value = word.partition("=")
    if key != "seeds":
        return word
    if not value.isdigit() or int(value) < 1:
        print(f"error: seeds={value}: want a whole number of repetitions, at least 1", file=sys.stderr)
        sys.exit(USER_ERROR)
    return f"seed={','.join(map(str, range(int(value))))}"


def quote_path(word: str) -> str:
    """Quotes `key=value` where the value is an existing path that Hydra's grammar would not take as it is."""
    key, _, value = word.partition("=")
    plain = re.fullmatch(r"[\w/.+@%-]*", value, re.ASCII) is not None
    if plain or not key.replace(".", "").replace("_", "").isalnum() or not _is_there(value):
        return word
    return quoted(key, value)


def quoted(key: str, value: object) -> str:
    """`key="value"` that Hydra's grammar takes as this very text."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'{key}="{escaped}"'


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a list that is longer than any file's name, a zero byte
        return False


@contextmanager
def stop_or_report(folder: Path) -> Iterator[None]:
    """Shows an error as one line; a single run then exits with 1, while a grid goes on to its next point."""
    try:
        yield
    except RunIsBusyError as error:
        if not in_grid():
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        print(f"left to another process: {folder}")  # two commands may share a grid
    except Exception as error:
        trace = folder / "error.txt"
        where = f" (traceback: {trace})" if trace.exists() and not isinstance(wrapped(error), ValueError) else ""
        print(f"error: {one_line(error)}{where}", file=sys.stderr)
        if not in_grid():
            sys.exit(1)


def want(cfg: DictConfig, **wanted: str) -> None:
    """Exits with one line for the first key that has no value; `wanted` says what each has to be."""
    for key, what in wanted.items():
        if OmegaConf.is_missing(cfg, key):
            print(f"error: {key}= is missing: want {key}=<{what}>", file=sys.stderr)
            sys.exit(USER_ERROR)


def in_grid() -> bool:
    """Whether this job is one of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


_said: set[str] = set()


def say_start(point: "Point", cfg: DictConfig, samples: "Samples") -> None:
    """Says once per data set what is odd about it, and once per backbone and width, loudly, that `auto` found no
    weights.
    """
    for note in samples.notes if os.environ.get(SAID_BEFORE) != samples.fingerprint else ():
        if note not in _said:
            _said.add(note)
            print(f"note: {note}", file=sys.stderr)
    what = f"{point.spec.name} {cfg.width:g}"
    if cfg.backbone.weights == "auto" and point.start and point.start.origin == "random" and what not in _said:
        _said.add(what)
        print(
            f"WARNING: {what} starts from RANDOM weights: no ImageNet weights in {cfg.paths.weights}, the hub's cache "
            "or on the hub (backbone.weights=imagenet insists, none silences this)",
            file=sys.stderr,
        )


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
