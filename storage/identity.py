"""What tells a file from the one that was there before, without reading it."""

import os


def identity(path: str) -> str:
    """Time, size and number of a file; empty where there is none. A file that is written anew has another one."""
    try:
        found = os.stat(path)  # noqa: PTH116  several for each of 10,000 runs
    except OSError:
        return ""
    return f"{found.st_mtime_ns}-{found.st_size}-{found.st_ino}"
