"""Marks by which this user's gridlite knows again what it wrote itself, wherever the file has been since."""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from pathlib import Path

import platformdirs

from storage.whole_file import write_whole


def mark_of(text: str) -> str:
    """HMAC-SHA-256 under a key of this user, which is made at the first use. Raises OSError where it cannot be kept."""
    return _mark(text.encode())


def is_own(text: str, mark: str) -> bool:
    """Whether `mark_of` gave this mark for this text, to this user."""
    try:
        return hmac.compare_digest(mark_of(text), mark)
    except OSError:
        return False


def write_own(path: Path, data: bytes) -> None:
    """Writes a file that `own_bytes` reads: a line with its mark, then the bytes. Raises OSError."""
    write_whole(path, _mark(data).encode() + b"\n" + data)


def own_bytes(path: Path) -> bytes | None:
    """What `write_own` of this user was given; None for a file that is missing, damaged or somebody else's."""
    try:
        mark, _, data = path.read_bytes().partition(b"\n")
        return data if hmac.compare_digest(_mark(data).encode(), mark) else None
    except OSError:
        return None


def _mark(data: bytes) -> str:
    return hmac.new(_key(), data, hashlib.sha256).hexdigest()


def _key() -> bytes:
    path = Path(platformdirs.user_state_dir("gridlite"), "key")
    with suppress(FileExistsError):
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = path.with_name(f"key.{os.getpid()}")
        place = os.open(drawn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(place, "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(drawn, path)  # whole or not at all, and only once
        finally:
            drawn.unlink()
    return path.read_bytes()
