"""A phone for the real adb server: speaks adb's transport protocol on loopback, runs commands in a folder of its own.

Pushed files land in that folder and shell lines really run there (by sh), with `/data/local/tmp` standing for it. What can
go wrong with a phone can be switched on. Protocol: AOSP, packages/modules/adb/docs/dev/protocol.md and SYNC.TXT.
"""

import os
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = "/data/local/tmp"
VERSION, MOST = 0x01000001, 256 * 1024
TOKEN = 1
STDOUT, STDERR, EXIT = 1, 2, 3
BANNER = (
    b"device::ro.product.name=scripted;ro.product.model=Scripted_1;ro.product.device=scripted;features=shell_v2,cmd\0"
)
GETPROP = """#!/bin/sh
case "$1" in
  ro.product.manufacturer) echo acme;;
  ro.product.model) echo "Scripted 1";;
  ro.soc.manufacturer) echo Acme;;
  ro.soc.model) echo AC1000;;
  ro.board.platform) echo board;;
  ro.build.version.release) echo 14;;
  ro.build.version.sdk) echo 34;;
  ro.product.cpu.abi) echo arm64-v8a;;
esac
"""


class ScriptedPhone:
    """Listens until closed.

    Args:
        folder: what the phone's shell sees as /data/local/tmp.
        authorized: whether it takes the computer's key.
        room: bytes that fit on it.
        unplugged_at: it goes away when a shell line with this text has run `after` times.

    """

    def __init__(
        self, folder: Path, *, authorized: bool = True, room: int = 10**9, unplugged_at: str = "", after: int = 0
    ) -> None:
        self.folder, self.authorized, self.room = folder, authorized, room
        self.unplugged_at, self.after = unplugged_at, after
        self.lines: list[str] = []
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "getprop").write_text(GETPROP)
        (folder / "bin" / "getprop").chmod(0o755)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.serial = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.gone = False
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Unplugs it."""
        self.gone = True
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self) -> None:
        while not self.gone:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=Connection(self, connection).serve, daemon=True).start()


class Connection:
    """One adb server's link to the phone."""

    def __init__(self, phone: ScriptedPhone, link: socket.socket) -> None:
        self.phone, self.link = phone, link
        self.writing = threading.Lock()
        self.streams: dict[int, Stream] = {}

    def serve(self) -> None:
        """Answers messages until the link ends."""
        with suppress(OSError, struct.error, EOFError):
            while True:
                command, first, second, length, _, _ = struct.unpack("<4sIIIII", self._read(24))
                payload = self._read(length)
                self.answer(command, first, second, payload)
        self.link.close()

    def answer(self, command: bytes, first: int, second: int, payload: bytes) -> None:
        """One message from the computer."""
        if command in (b"CNXN", b"AUTH"):
            if self.phone.authorized:
                self.send(b"CNXN", VERSION, MOST, BANNER)
            elif command == b"CNXN" or first == 2:  # a signature that this phone does not know, then the key itself
                self.send(b"AUTH", TOKEN, 0, os.urandom(20))
        elif command == b"OPEN":
            stream = Stream(self, len(self.streams) + 1, first, payload.rstrip(b"\0").decode())
            self.streams[stream.own] = stream
            threading.Thread(target=stream.serve, daemon=True).start()
        elif second in self.streams:
            self.streams[second].take(command, payload)

    def send(self, command: bytes, first: int, second: int, payload: bytes = b"") -> None:
        """One message to the computer."""
        (code,) = struct.unpack("<I", command)
        header = struct.pack("<IIIIII", code, first, second, len(payload), sum(payload) & 0xFFFFFFFF, code ^ 0xFFFFFFFF)
        with self.writing:
            self.link.sendall(header + payload)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.link.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data


class Stream:
    """A shell or a file transfer."""

    def __init__(self, connection: Connection, own: int, other: int, service: str) -> None:
        self.connection, self.own, self.other, self.service = connection, own, other, service
        self.free = threading.Semaphore(0)
        self.arrived = threading.Condition()
        self.data, self.ended = b"", False

    def take(self, command: bytes, payload: bytes) -> None:
        """A message for this stream."""
        if command == b"OKAY":
            self.free.release()
            return
        with self.arrived:
            self.data += payload
            self.ended = self.ended or command == b"CLSE"
            self.arrived.notify()
        if command == b"WRTE":
            self.connection.send(b"OKAY", self.own, self.other)

    def serve(self) -> None:
        """Does what it was opened for."""
        with suppress(OSError, EOFError):
            self.connection.send(b"OKAY", self.own, self.other)
            if self.service.startswith("sync:"):
                self.transfer()
            elif self.service.startswith("shell"):
                self.shell(self.service.partition(":")[2])
            self.connection.send(b"CLSE", self.own, self.other)

    def write(self, data: bytes) -> None:
        """Sends a piece and waits until it has been taken."""
        for at in range(0, len(data), 32768):
            self.connection.send(b"WRTE", self.own, self.other, data[at : at + 32768])
            self.free.acquire(timeout=10)

    def shell(self, line: str) -> None:
        """Runs a line as the phone's shell would; v2 of the protocol keeps output, errors and exit status apart."""
        phone = self.connection.phone
        phone.lines.append(line)
        if phone.unplugged_at and phone.unplugged_at in line:
            phone.after -= 1
            if phone.after < 0:
                phone.close()
                self.connection.link.shutdown(socket.SHUT_RDWR)
                raise EOFError
        path = f"{phone.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", line.replace(ROOT, str(phone.folder))], env=os.environ | {"PATH": path}, capture_output=True,
            check=False,
        )  # fmt: skip
        for kind, data in ((STDOUT, done.stdout), (STDERR, done.stderr), (EXIT, bytes([done.returncode & 0xFF]))):
            if data:
                self.write(struct.pack("<BI", kind, len(data)) + data)

    def transfer(self) -> None:
        """Takes pushed files."""
        while True:
            kind, length = struct.unpack("<4sI", self._read(8))
            if kind == b"QUIT":
                return
            said = self._read(length)
            if kind == b"STAT":
                self.write(b"STAT" + struct.pack("<III", *self._stat(said.decode())))
            elif kind == b"SEND":
                self.receive(said.decode().rpartition(",")[0])

    def receive(self, path: str) -> None:
        """One file, in pieces."""
        pieces: list[bytes] = []
        while True:
            kind, length = struct.unpack("<4sI", self._read(8))
            if kind == b"DONE":
                break
            pieces.append(self._read(length))
        data = b"".join(pieces)
        phone = self.connection.phone
        if len(data) > phone.room:
            self._fail(b"couldn't write file: No space left on device")
            return
        target = Path(path.replace(ROOT, str(phone.folder)))
        try:
            target.write_bytes(data)
        except OSError as error:
            self._fail(str(error).encode())
            return
        self.write(b"OKAY" + struct.pack("<I", 0))

    def _fail(self, why: bytes) -> None:
        self.write(b"FAIL" + struct.pack("<I", len(why)) + why)

    def _stat(self, path: str) -> tuple[int, int, int]:
        try:
            found = Path(path.replace(ROOT, str(self.connection.phone.folder))).stat()
        except OSError:
            return 0, 0, 0
        return found.st_mode, found.st_size, int(found.st_mtime)

    def _read(self, count: int) -> bytes:
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.data) >= count or self.ended, timeout=30):
                raise EOFError
            if len(self.data) < count:
                raise EOFError
            piece, self.data = self.data[:count], self.data[count:]
        return piece


def adb(*words: str, port: int) -> Any:
    """The real client, with a server of its own on `port`."""
    return subprocess.run(
        ["adb", *words], env=os.environ | {"ANDROID_ADB_SERVER_PORT": str(port)}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
