"""Connections that say nothing, or half of something, are closed; whoever asks is answered."""

import socket
import threading
import time
import urllib.request

import pytest
import uvicorn
from fastapi import FastAPI

from web import serving


@pytest.fixture
def address(monkeypatch):
    monkeypatch.setattr(serving, "LONGEST_S", 1.0)
    app = FastAPI()
    app.get("/")(lambda: "here")
    app.post("/")(lambda said: said)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, log_level="error", http=serving.Impatient))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield listening.getsockname()
    server.should_exit = True
    thread.join(5)


HALVES = {
    "nothing": b"",
    "half a header": b"GET / HTTP/1.1\r\nHost: x",
    "half a body": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nabc",
    "half of a second request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTT",
}


@pytest.mark.parametrize("half", HALVES)
def test_many_half_requests_keep_nobody_out(address, half):
    opened = []
    for _ in range(150):
        one = socket.create_connection(address, timeout=10)
        one.sendall(HALVES[half])
        opened.append(one)
    with urllib.request.urlopen(f"http://{address[0]}:{address[1]}/", timeout=5) as answer:
        assert answer.read() == b'"here"'
    end = time.monotonic() + 6
    for one in opened:
        one.settimeout(max(0.1, end - time.monotonic()))
        try:
            while one.recv(4096):
                pass
        except ConnectionResetError:
            pass
        one.close()
