"""Runs an app until it is stopped, and says how to reach it."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from types import FrameType
from typing import Any, TypedDict, Unpack, override

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from web.access import LOOPBACK, answer_as
from web.addresses import certificate, listen, own_hosts, qr, reachable

LONGEST_S = 15.0
"""For a request to be whole, from the first byte or, of a new connection, from its opening."""


class Impatient(H11Protocol):
    """Closes a connection whose request does not come, or comes half: with a few hundred of those nobody else would get in."""

    longest_s: float | None = None
    """In place of LONGEST_S."""
    _deadline: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        state = self.conn.their_state
        if state is h11.SEND_BODY or (state is h11.IDLE and self.conn.trailing_data[0]):
            self._expect()
        else:
            self._forget()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.longest_s or LONGEST_S, self.transport.abort)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def serve(
    app: FastAPI, token: str, title: str, host: str, port: int, cache: Path | None, path: str = "/?token={token}",
    **options: Unpack["Options"],
) -> None:  # fmt: skip
    """Prints the addresses, with a QR code for phones, and serves.

    Args:
        title: what is served, first line of what is printed.
        cache: with HTTPS, by certificates kept in this folder; None serves plain HTTP.
        path: of the address that is printed.
        options: for an app that is no page.

    Raises ValueError where another program has the port.

    """
    listening = listen(host, port)
    port = listening.getsockname()[1]
    names, server = reachable(host), None
    if cache is not None:
        server, authority = certificate(cache / "https", ["localhost", "127.0.0.1", *names])
        print(f"authority that the phone has to trust: {authority}")
    scheme = "http" if cache is None else "https"
    addresses = [
        f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}{path.format(token=token)}" for name in names
    ]
    print(title)
    if names[0] not in LOOPBACK:  # no phone gets there by it
        print(qr(addresses[0]))
    for address in addresses:
        print(f"open {address}")
    if names == ["127.0.0.1"]:
        print(f"a phone on USB reaches it after: adb reverse tcp:{port} tcp:{port}")
    print("stop with ctrl-c", flush=True)
    server_of(app, names, server, **options).run(sockets=[listening])


class Options(TypedDict, total=False):
    """What may differ from app to app."""

    longest_s: float
    """In place of LONGEST_S."""
    more_hosts: Collection[str]
    """Names of this machine beside those that it knows of."""
    when_stopping: Callable[[], None]
    """Called once, by the signal's handler, when a signal has come; answers have some two seconds from then on."""


class _Server(uvicorn.Server):
    """Tells the app of a signal before connections are closed."""

    def __init__(self, config: uvicorn.Config, when_stopping: Callable[[], None] | None) -> None:
        super().__init__(config)
        self.when_stopping = when_stopping

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.when_stopping is not None and not self.should_exit:
            self.when_stopping()
        super().handle_exit(sig, frame)


def server_of(
    app: FastAPI, names: list[str], pem: Path | None = None, longest_s: float | None = None,
    more_hosts: Collection[str] = (), when_stopping: Callable[[], None] | None = None,
) -> uvicorn.Server:  # fmt: skip
    """What serves an app under its printed names, by HTTPS where key and certificate are given; it keeps no log of requests."""
    answer_as(app, {*own_hosts(names), *more_hosts})
    protocol = type(Impatient.__name__, (Impatient,), {"longest_s": longest_s})
    config = uvicorn.Config(
        app, log_config=None, log_level="error", access_log=False, server_header=False, ssl_certfile=pem, ssl_keyfile=pem, http=protocol,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    return _Server(config, when_stopping)
