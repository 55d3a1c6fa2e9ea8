"""Where a search's study lies, and which of its trials somebody works on.

Without a URL the study is `search.log` in the sweep's folder, Optuna's journal, which several processes may write. Each process that
proposes points holds a lock in `workers/` beside it for as long as it lives: a running trial whose lock is free belongs to one that was
killed. A trial whose lock lies in no folder here is worked on elsewhere, over a shared URL.
"""

import os
import platform
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

SQLITE_WAIT_S = 60
"""How long a process waits for another that writes the same SQLite file."""


def open_storage(folder: Path, url: str | None, journal: str = "search.log") -> BaseStorage:
    """The storage of a sweep's search, in the folder that journal where there is no URL. Raises ValueError for a URL that cannot be opened; no message has its password."""
    if url is None:
        return JournalStorage(JournalFileBackend(str(folder / journal)))
    said = re.sub(r"//([^/@]*):[^/@]*@", r"//\1:***@", url)
    want = "want sqlite:///<file>, postgresql://<user>@<host>/<name>, or null for search.log in the sweep's folder"
    if not re.match(r"[\w+]+://", url):
        raise ValueError(f"hydra.sweeper.storage={said}: no URL; {want}")
    arguments = {"connect_args": {"timeout": SQLITE_WAIT_S}} if url.startswith("sqlite") else {}
    try:
        return RDBStorage(url, engine_kwargs=arguments)
    except (SQLAlchemyError, ImportError) as error:
        why = str(error.__cause__ or error).splitlines()[0]
        raise ValueError(f"hydra.sweeper.storage={said}: {why}; {want}") from None


def study_name(folder: Path, url: str | None) -> str:
    """Of a sweep's search in its storage: a data base may hold many."""
    return "search" if url is None else folder.name


class Worker:
    """A process among those that work on a search.

    Args:
        folder: the sweep's.

    """

    def __init__(self, folder: Path) -> None:
        self.places = folder / "workers"
        self.places.mkdir(parents=True, exist_ok=True)
        self.name = f"{platform.node()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._turn = FileLock(folder / "search.lock")
        self._own = FileLock(self._path(self.name))
        with self.turn():
            self._own.acquire()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One worker at a time: what is read of the study within is still so when it is written to."""
        with self._turn:
            yield

    def here(self, name: str) -> bool:
        """Whether a worker is, or was, one of this folder."""
        return self._path(name).exists()

    def lives(self, name: str) -> bool:
        """Whether a worker of this folder still works."""
        try:
            with FileLock(self._path(name), timeout=0):
                return False
        except Timeout:
            return True

    def forget_dead(self) -> None:
        """Removes the locks that nobody holds; within a turn, once their trials have been given to others."""
        for path in self.places.glob("*.lock"):
            if not self.lives(path.stem):
                path.unlink(missing_ok=True)

    def close(self, *, leaves: bool) -> None:
        """Ends this one.

        Args:
            leaves: whether it leaves a trial that it had begun, which is another's then.

        """
        self._own.release()
        if not leaves:
            self._path(self.name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.places / f"{name}.lock"
