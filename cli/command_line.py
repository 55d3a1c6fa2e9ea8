"""How a command answers: one clear line for a mistake, an exit code, no traceback for what a person can mend."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from choices import ChoiceError, check_packages
from cli.composition_errors import explain
from sweeps.records.run_record import RunIsBusyError, one_line, wrapped

if TYPE_CHECKING:
    pass

USER_ERROR = 2
"""Exit code for a command line that cannot be composed."""


def run_cli(main: Callable[[], None], config_name: str) -> None:
    """Runs a Hydra main and turns composition errors into one line on stderr and exit code 2."""
    try:
        check_packages()
    except ChoiceError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
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


def require_keys(cfg: DictConfig, **wanted: str) -> None:
    """Exits with one line for the first key that has no value; `wanted` says what each has to be."""
    for key, what in wanted.items():
        if OmegaConf.is_missing(cfg, key):
            print(f"error: {key}= is missing: want {key}=<{what}>", file=sys.stderr)
            sys.exit(USER_ERROR)


def in_grid() -> bool:
    """Whether this job is one of a multirun."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)
