"""How a command answers: one clear line for a mistake, an exit code, no traceback for what a person can mend."""

import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cli.arguments import HELP, check_environment, refuse
from cli.composition_errors import explain
from cli.help import help_page
from cli.signals import answer_signals, end_at_once, stopped_by
from cli.words import check_words
from sweeps.records.journal import mark_job_failed
from sweeps.records.run_record import MEMORY_VARIABLE, RunIsBusyError, is_out_of_memory, one_line, wrapped

INTERRUPTED = 130
PATH_KEYS = frozenset(
    {
        "root", "cache", "folder", "environments", "runs", "data", "weights", "output", "json", "input", "run", "photo", "photos", "image",
        "pair", "set", "against", "pareto_of", "teacher", "unlabelled", "devices", "picture", "reference",
    }
)  # fmt: skip
"""Last parts of keys whose values are files or folders, which need not exist yet."""
PATTERN_KEYS = frozenset({"device_pattern", "models"})
"""Keys whose values are regular expressions, or names with files, whose brackets are not those of Hydra's grammar."""


COMPLETION = ("-sc", "--shell-completion")
"""Hydra's word for what makes a shell complete the settings of a command."""


def run_cli(main: Callable[[], None], config_name: str) -> None:
    """Runs a Hydra main: answers `--help` before anything is composed, a mistake with one line on stderr and exit code 2."""
    check_environment()
    if not set(HELP).isdisjoint(sys.argv[1:]):
        print(help_page(config_name))
        return
    if not set(COMPLETION).isdisjoint(sys.argv[1:]):  # `install=bash` behind it is no setting
        main()
        return
    sys.argv[1:] = [quote_path(repeated(word)) for word in sys.argv[1:]]
    sys.argv[1:] = check_words(sys.argv[1:], config_name)
    answer_signals()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises instead of printing its own several lines
    try:
        main()
    except (HydraException, OmegaConfBaseException) as error:
        refuse(explain(error, config_name))
    except ValueError as error:
        if _raised_by_the_job(error, main):
            raise
        refuse(error)
    except OSError as error:
        if error.filename is None:
            raise
        sys.exit(f"error: {one_line(error)}")  # a folder that cannot be written, a full disk
    except (KeyboardInterrupt, SystemExit) as error:
        if isinstance(error, SystemExit) and stopped_by() is None:
            raise
        print("stopped", file=sys.stderr)  # Lightning makes an exit of its own of an interrupt
        end_at_once(stopped_by() or INTERRUPTED)


def _raised_by_the_job(error: Exception, main: Callable[[], None]) -> bool:
    """Whether it comes from the command's own code: then it is no mistake on the command line, and its traceback tells."""
    code = inspect.unwrap(main).__code__
    return any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__))


def repeated(word: str) -> str:
    """`seeds=3` → `seed=0,1,2`; other words as they are. A number below 1 ends the command with one line."""
    key, _, value = word.partition("=")
    if key != "seeds":
        return word
    if not value.isdigit() or int(value) < 1:
        refuse(f"seeds={value}: want a whole number of repetitions, at least 1")
    return f"seed={','.join(map(str, range(int(value))))}"


def quote_path(word: str) -> str:
    """Quotes `key=value` where the value is a path that Hydra's grammar would not take as it is: one that exists, or one for a key
    that takes a path. In a grid, commas part values.
    """
    key, _, value = word.partition("=")
    plain = re.fullmatch(r"[\w/.+@%-]*", value, re.ASCII) is not None
    if plain or not key.replace(".", "").replace("_", "").isalnum():
        return word
    if key in PATTERN_KEYS:
        return word if value.startswith(("'", '"')) else quoted(key, value)
    if not _is_there(value) and (key.rpartition(".")[2] not in PATH_KEYS or _is_grammar(value)):
        return word
    return quoted(key, value)


def _is_grammar(value: str) -> bool:
    """Whether a value is meant for Hydra's grammar: quoted, a list, taken from elsewhere, or in a grid several."""
    several = not {"-m", "--multirun"}.isdisjoint(sys.argv) and ("," in value or re.match(r"\w+\(", value) is not None)
    return value.startswith(("'", '"', "[", "{")) or "${" in value or several


def quoted(key: str, value: object) -> str:
    """`key="value"` that Hydra's grammar takes as this very text."""
    # a backslash is one by itself; before a quote, the closing one among them, it has to be doubled
    escaped = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + found[2].replace('"', '\\"'), str(value))
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
        if os.environ.get(MEMORY_VARIABLE) and is_out_of_memory(error):
            raise MemoryError(one_line(error)) from None
        trace = folder / "error.txt"
        where = f" (traceback: {trace})" if trace.exists() and not isinstance(wrapped(error), ValueError) else ""
        print(f"error: {one_line(error)}{where}", file=sys.stderr)
        if not in_grid():
            sys.exit(1)
        mark_job_failed(folder.name)


def require_keys(cfg: DictConfig, **wanted: str) -> None:
    """Exits with one line for the first key that has no value; `wanted` says what each has to be."""
    for key, what in wanted.items():
        if OmegaConf.is_missing(cfg, key) or not str(cfg[key]).strip():
            refuse(f"{key}= is missing: want {key}=<{what}>")


def in_grid() -> bool:
    """Whether this job is one of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)
