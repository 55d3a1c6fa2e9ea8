"""An arm64 Python with LiteRT in a folder, and the emulator that runs it: made once, found by its `guest.json`."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from export.check import CheckError
from storage.whole_file import sha256_of, write_whole

EMULATORS = ("qemu-aarch64-static", "qemu-aarch64")
CPU = "cortex-a76"
"""As in phones from 2019 on: with the dot products and half floats that XNNPACK's int8 and float16 kernels use."""
DEBIAN = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
WHEELS = Path(__file__).with_name("wheels.txt")
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
FORMAT = 1
"""Raised when an older guest will not do."""
PROBE = "import json, platform, numpy; from ai_edge_litert.interpreter import Interpreter; print(platform.machine())"
APT = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
Dir::State "{place}/state";
Dir::State::lists "{place}/state/lists";
Dir::State::status "{place}/state/status";
Dir::Cache "{place}/cache";
Dir::Log "{place}/log";
"""
"""Read after the machine's own configuration: its sources and keys are taken, its state is left alone."""


def emulator() -> str:
    """Path of the emulator. Raises CheckError where there is none."""
    for name in EMULATORS:
        if found := shutil.which(name):
            return found
    raise CheckError(f"{EMULATORS[0]}: not found: apt install qemu-user-static")


@dataclass(frozen=True)
class Guest:
    """A folder with an arm64 Python.

    Attributes:
        folder: what the emulator takes for the root of libraries.
        python: the version, such as "3.11".

    """

    folder: Path
    python: str

    def command(self, cpu: str, *words: str) -> list[str]:
        """The command line that has its Python run `words`. Raises CheckError without an emulator."""
        return [
            emulator(),
            "-cpu",
            cpu,
            "-L",
            str(self.folder),
            str(self.folder / f"usr/bin/python{self.python}"),
            *words,
        ]

    @property
    def environment(self) -> dict[str, str]:
        """All that its Python sees of this machine's variables."""
        return {"PYTHONPATH": str(self.folder / "wheels"), "PYTHONNOUSERSITE": "1", "LC_ALL": "C.UTF-8"}


def find_guest(folder: Path) -> Guest:
    """The guest that was made there. Raises CheckError where there is none, or one of an earlier gridlite."""
    emulator()
    try:
        about = json.loads((folder / "guest.json").read_text())
        known = about["format"] == FORMAT and about["wheels"] == sha256_of(WHEELS)
        found = Guest(folder.resolve(), str(about["python"]))
    except (OSError, ValueError, LookupError, TypeError):
        raise CheckError(f"{folder}: no arm64 guest there yet: `make arm` makes it, once") from None
    if not known:
        raise CheckError(f"{folder}: the arm64 guest is of another gridlite: `make arm` makes it anew")
    return found


def make_guest(folder: Path) -> Guest:
    """Makes the guest, or finds it where it has been made.

    Debian's packages come by this machine's own sources, whose signatures and digests apt checks; the wheels by its own index, and
    have to have the digests in wheels.txt. What dpkg and apt know of this machine stays as it is. Raises CheckError that says what is
    missing.
    """
    emulator()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        try:
            return find_guest(folder)
        except CheckError:
            shutil.rmtree(folder, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
            made = Path(place).resolve() / "guest"
            packages = _unpack_debian(made, Path(place).resolve())
            python = _python_in(made)
            _install_wheels(made, python)
            guest = Guest(made, python)
            machine = _called(guest.command(CPU, "-c", PROBE), "the guest's Python", env=guest.environment).strip()
            if machine != "aarch64":
                raise CheckError(f"{emulator()}: the guest takes itself for {machine}; want aarch64")
            about = {"format": FORMAT, "python": python, "wheels": sha256_of(WHEELS), "packages": packages}
            write_whole(made / "guest.json", json.dumps(about, indent=1))
            made.rename(folder)
    return find_guest(folder)


def _unpack_debian(made: Path, place: Path) -> dict[str, str]:
    """Fetches Python's packages with all that they need, and unpacks them; name of each file → its SHA-256."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CheckError(f"{tool}: not found: the arm64 Python is made of Debian's packages")
    for name in ("state/lists/partial", "cache/archives/partial", "log"):
        (place / name).mkdir(parents=True)
    (place / "state" / "status").touch()  # nothing is installed: all that is needed comes
    config = place / "apt.conf"
    config.write_text(APT.format(place=place))
    apt = ["apt-get", "-qq", "-c", str(config)]
    sources = "this machine's package sources (do they have arm64?)"
    _called([*apt, "update"], sources)
    _called([*apt, "install", "--download-only", "--yes", "--no-install-recommends", *DEBIAN], sources)
    packages = sorted((place / "cache" / "archives").glob("*.deb"))
    made.mkdir()
    for package in packages:
        _called(["dpkg-deb", "-x", str(package), str(made)], package.name)
    if not (made / "lib").exists():  # where all of it lies under usr, as in later releases
        (made / "lib").symlink_to("usr/lib")
    return {package.name: sha256_of(package) for package in packages}


def _python_in(made: Path) -> str:
    """The version of the Python that was unpacked."""
    for path in (made / "usr/bin").glob("python3.*"):
        version = path.name.removeprefix("python")
        if version.replace(".", "").isdigit():
            return version
    raise CheckError(f"{' '.join(DEBIAN)}: this machine's package sources gave no Python for arm64")


def _install_wheels(made: Path, python: str) -> None:
    """LiteRT and numpy for that Python, by digest."""
    platforms = [word for name in PLATFORMS for word in ("--platform", name)]
    _called(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile",
         "--require-hashes", "--only-binary=:all:", "--python-version", python, "--implementation", "cp", *platforms,
         "--target", str(made / "wheels"), "-r", str(WHEELS)],
        f"aarch64 wheels for Python {python}",
    )  # fmt: skip


def _called(words: list[str], what: str, env: dict[str, Any] | None = None) -> str:
    """What a command printed. Raises CheckError with the last line that it said when it fails."""
    env = os.environ | {"LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"} if env is None else env
    done = subprocess.run(words, env=env, capture_output=True, text=True, errors="replace", timeout=1800, check=False)
    if done.returncode:
        lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("E:", "ERROR:"))] or lines[-1:]
        raise CheckError(f"{what}: {errors[0] if errors else f'{Path(words[0]).name} ended with {done.returncode}'}")
    return done.stdout
