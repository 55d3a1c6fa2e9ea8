"""Runs an app until it is stopped, and says how to reach it."""

import asyncio
from pathlib import Path
from typing import Any, override

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
            self._deadline = self.loop.call_later(LONGEST_S, self.transport.abort)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def serve(app: FastAPI, token: str, title: str, host: str, port: int, cache: Path | None) -> None:
    """Prints the addresses, with a QR code for phones, and serves.

    Args:
        title: what is served, first line of what is printed.
        cache: with HTTPS, by certificates kept in this folder; None serves plain HTTP.

    Raises ValueError where another program has the port.

    """
    listening = listen(host, port)
    names, server = reachable(host), None
    if cache is not None:
        server, authority = certificate(cache / "https", ["localhost", "127.0.0.1", *names])
        print(f"authority that the phone has to trust: {authority}")
    scheme = "http" if cache is None else "https"
    addresses = [f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}/?token={token}" for name in names]
    print(title)
    if names[0] not in LOOPBACK:  # no phone gets there by it
        print(qr(addresses[0]))
    for address in addresses:
        print(f"open {address}")
    if names == ["127.0.0.1"]:
        print(f"a phone on USB reaches it after: adb reverse tcp:{port} tcp:{port}")
    print("stop with ctrl-c", flush=True)
    server_of(app, names, server).run(sockets=[listening])


def server_of(app: FastAPI, names: list[str], pem: Path | None = None) -> uvicorn.Server:
    """What serves an app under its printed names, by HTTPS where key and certificate are given; it keeps no log of requests."""
    answer_as(app, own_hosts(names))
    config = uvicorn.Config(
        app, log_config=None, log_level="error", access_log=False, server_header=False, ssl_certfile=pem, ssl_keyfile=pem, http=Impatient,
        timeout_graceful_shutdown=2,
    )  # fmt: skip
    return uvicorn.Server(config)
