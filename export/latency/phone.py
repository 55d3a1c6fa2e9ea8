"""An Android phone that adb can reach: who it is, its shell, and what is wrong when it does not answer."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.latency.result import LatencyError
from sweeps.records.environment import fast_int8

PROPERTIES = {
    "maker": "ro.product.manufacturer", "model": "ro.product.model", "soc_maker": "ro.soc.manufacturer",
    "soc": "ro.soc.model", "platform": "ro.board.platform", "android": "ro.build.version.release",
    "sdk": "ro.build.version.sdk", "abi": "ro.product.cpu.abi",
}  # fmt: skip
STATES = {
    "unauthorized": "allow this computer's key on the phone's screen",
    "no permissions": "let this user reach USB devices (udev rules), see `adb devices`",
    "recovery": "start Android on it",
    "sideload": "start Android on it",
    "bootloader": "start Android on it",
}


MARK = "gridlite-status"


@dataclass(frozen=True)
class Answer:
    """What a command on the phone said, output and errors, and its exit status."""

    output: str
    status: int


@dataclass(frozen=True)
class Phone:
    """A phone that adb can reach."""

    serial: str
    adb: str = "adb"

    def run(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """One call of the adb client for this phone; the caller looks at the exit status."""
        return _client(self.adb, "-s", self.serial, *words, timeout=timeout)

    def shell(self, line: str, timeout: float = 60) -> Answer:
        """Runs a command on the phone. Raises LatencyError where the phone is gone before the command has ended."""
        # A phone that is unplugged ends the client with status 0, and old phones never tell a status: so it is printed.
        done = self.run("shell", f"{line}\necho {MARK} $?", timeout=timeout)
        output, marked, status = done.stdout.rpartition(MARK)
        if not marked or not status.strip().isdigit():
            self.must_be_there()
            raise LatencyError(f"{self.serial}: the connection broke: {reason(done.stdout + done.stderr)}")
        return Answer(output + done.stderr, int(status))

    def must(self, line: str) -> str:
        """As `shell`, and the command must succeed; its output."""
        answer = self.shell(line)
        if answer.status:
            command = line.split(maxsplit=1)[0]
            raise LatencyError(f"{self.serial}: {command} ended with {answer.status}: {reason(answer.output)}")
        return answer.output

    def must_be_there(self) -> None:
        """Raises LatencyError where the phone no longer answers."""
        state = phones(self.adb).get(self.serial)
        if state is None or state == "offline":
            raise LatencyError(
                f"{self.serial}: {state or 'unplugged'}: plug it in again; what has been measured is kept"
            )
        if state != "device":
            raise LatencyError(f"{self.serial}: {state}: {STATES.get(state, 'see `adb devices`')}")

    def push(self, source: Path, target: str) -> None:
        """Copies a file to the phone. Raises LatencyError, also when there is no room."""
        done = self.run("push", str(source), target, timeout=600)
        if done.returncode:
            self.must_be_there()
            said = reason(done.stdout + done.stderr)
            room = "no space left on the phone: " if "no space" in said.lower() else ""
            raise LatencyError(f"{self.serial}: {room}{source.name} could not be copied to {target}: {said}")

    def about(self) -> dict[str, Any]:
        """Name, chip and system: device, processor, os, abi; int8 as in `export.latency.result.entry`."""
        lines = self.must("; ".join(f"getprop {name}" for name in PROPERTIES.values())).splitlines()
        told = dict(zip(PROPERTIES, [line.strip() for line in lines] + [""] * len(PROPERTIES), strict=False))
        maker = told["maker"] if not told["model"].lower().startswith(told["maker"].lower()) else ""
        chip = f"{told['soc_maker']} {told['soc']}".strip() or told["platform"]
        return {
            "device": f"{maker.capitalize() if maker.islower() else maker} {told['model']}".strip() or self.serial,
            "processor": chip,
            "int8": fast_int8(self.shell("cat /proc/cpuinfo").output),
            "os": f"Android {told['android']} (API {told['sdk']})",
            "abi": told["abi"],
        }


def phones(adb: str) -> dict[str, str]:
    """Serial → state of every phone that adb knows."""
    done = _client(adb, "devices")
    if done.returncode:
        raise LatencyError(f"{adb}: {reason(done.stdout + done.stderr)}")
    lines = [re.split(r"\t| {2,}", line.strip(), maxsplit=1) for line in done.stdout.splitlines()[1:] if line.strip()]
    return {line[0]: line[1].partition(" (")[0] for line in lines if len(line) == 2}


def find_phone(serial: str | None, adb: str = "adb") -> Phone:
    """The phone of that serial, or the only one. Raises LatencyError saying what to do."""
    if shutil.which(adb) is None:
        raise LatencyError(f"{adb}: not found: install Android's platform tools (on Debian `apt install adb`)")
    found = phones(adb)
    if serial is None:
        if not found:
            raise LatencyError("no phone: plug one in, with USB debugging on in its developer options")
        if len(found) > 1:
            raise LatencyError(f"{len(found)} phones: say which with SERIAL=, one of {', '.join(sorted(found))}")
        serial = next(iter(found))
    elif serial not in found:
        raise LatencyError(f"SERIAL={serial}: no such phone; adb knows {', '.join(sorted(found)) or 'none'}")
    phone = Phone(serial, adb)
    phone.must_be_there()
    return phone


def _client(adb: str, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """One call of the adb client. Raises LatencyError where it hangs or is missing."""
    try:
        return subprocess.run(
            [adb, *words], capture_output=True, text=True, errors="replace", timeout=timeout, check=False
        )
    except FileNotFoundError:
        raise LatencyError(
            f"{adb}: not found: install Android's platform tools (on Debian `apt install adb`)"
        ) from None
    except subprocess.TimeoutExpired:
        raise LatencyError(f"adb {' '.join(words[:4])}: no answer in {timeout:g} s") from None


def reason(output: str) -> str:
    """The line that says what went wrong: the last one that speaks of an error, else the last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"error|fail|denied", line, re.IGNORECASE)]
    return (errors or lines or ["it said nothing"])[-1]
