"""The annotation app is killed twenty times while two people save: what was answered for is kept, in its order."""

import random
import socket
import threading
import time

import httpx
import pytest

from annotation.log import Log
from tests.web.served import started
from tests.web.test_annotate import CLASSES, root  # noqa: F401  a fixture

KILLS = 20


class Writer(threading.Thread):
    """Saves comments 0, 1, 2, … as the page does: each until it is answered for."""

    def __init__(self, name: str, address: str) -> None:
        super().__init__(daemon=True)
        self.who, self.address = name, address
        self.saved, self.refused, self.stop = 0, [], threading.Event()

    def run(self) -> None:
        while not self.stop.is_set():
            host, _, token = self.address.partition("/?token=")  # another one after each start
            with httpx.Client(base_url=host, params={"token": token}, timeout=5) as client:
                try:
                    while token in self.address and not self.stop.is_set():
                        self.save(client)
                except httpx.HTTPError:
                    time.sleep(0.02)

    def save(self, client: httpx.Client) -> None:
        queue = client.get("/api/queue", params={"annotator": self.who, "round": 1})
        if queue.status_code == 401:  # started again, its new token is still to be read
            return
        said = {"annotator": self.who, "round": 1, "changes": [{"field": "comment", "value": str(self.saved)}]}
        answer = client.post(f"/api/photos/{queue.json()[0]['id']}", json=said)
        if answer.status_code == 200:
            self.saved += 1
        else:
            self.refused.append(answer.text)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_twenty_kills_under_two_writers_lose_no_save(root, tmp_path, capsys):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [f"data={root}", f"port={port}", f"paths.cache={tmp_path}/cache", CLASSES]
    rng, writers, moments = random.Random(0), [], []
    for _ in range(KILLS):
        with started(*words, command=("-m", "annotation", "serve")) as (address, process):
            if not writers:
                writers = [Writer(name, address) for name in ("anna", "bob")]
                for writer in writers:
                    writer.start()
            for writer in writers:
                writer.address = address
            before = [writer.saved for writer in writers]
            while any(writer.saved == old for writer, old in zip(writers, before, strict=True)):
                assert not [writer.refused for writer in writers if writer.refused]
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.3))
            process.kill()
            moments.append([writer.saved for writer in writers])
    with started(*words, command=("-m", "annotation", "serve")):
        for writer in writers:
            writer.stop.set()
            writer.join(20)
    found = Log(root).read()
    for writer in writers:
        mine = [int(one.value) for one in found if one.annotator == writer.who and one.field == "comment"]
        assert sorted(set(mine)) == list(range(len(set(mine))))
        assert mine == sorted(mine)
        assert len(set(mine)) - writer.saved in (0, 1)  # the last may have been written and not answered for
        assert writer.saved >= KILLS
    with capsys.disabled():
        print(f"{KILLS} kills, {' and '.join(str(writer.saved) for writer in writers)} saves, none lost")
