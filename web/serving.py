"""Runs an app until it is stopped, and says how to reach it."""

from pathlib import Path

import uvicorn
from fastapi import FastAPI

from web.addresses import certificate, listen, qr, reachable


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
    print(f"{title}\n{qr(addresses[0])}")
    for address in addresses:
        print(f"open {address}")
    if names == ["127.0.0.1"]:
        print(f"a phone on USB reaches it after: adb reverse tcp:{port} tcp:{port}")
    print("stop with ctrl-c", flush=True)
    config = uvicorn.Config(app, log_level="error", ssl_certfile=server, ssl_keyfile=server)
    uvicorn.Server(config).run(sockets=[listening])
