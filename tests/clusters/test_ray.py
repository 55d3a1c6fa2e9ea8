"""A grid on a real Ray cluster of two nodes on this machine, one of which is lost in the middle."""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.clusters.grids import POINTS, finish, records, start, wait_until_done_on
from tests.clusters.machines import Machine, free_ports, needs, wait_for
from tests.drawn import draw_screens

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
RAY = str(Path(sys.executable).with_name("ray"))


@pytest.fixture
def ray():
    """Environment of commands for it, and its nodes."""
    needs("hostname")
    (port,) = free_ports(1)
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # its sockets' names have to be short
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_ADDRESS": f"127.0.0.1:{port}",
           "RAY_worker_niceness": "0", "OMP_NUM_THREADS": "1"}  # fmt: skip
    told = " ".join(f"{name}={value}" for name, value in env.items() if name != "RAY_ADDRESS")
    common = "--num-cpus=1 --block --disable-usage-stats"
    machines = []

    def nodes():
        done = subprocess.run([RAY, "status"], env=os.environ | env, capture_output=True, text=True, check=False)
        return done.stdout.count(" node_")

    try:
        head = f"env {told} {RAY} start --head --node-ip-address=127.0.0.1 --port={port} --include-dashboard=false --temp-dir={folder} {common}"
        machines.append(Machine("head", head, folder / "head.log"))
        wait_for(lambda: nodes() == 1, machines, 90)
        second = f"env {told} {RAY} start --address=127.0.0.1:{port} --node-ip-address=127.0.0.2 {common}"
        machines.append(Machine("second", second, folder / "second.log"))
        wait_for(lambda: nodes() == 2, machines, 90)
        yield env, machines
    finally:
        for one in reversed(machines):
            one.switch_off()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_grid_goes_on_when_a_node_is_lost(ray, tmp_path):
    env, (_, second) = ray
    draw_screens(tmp_path / "screens")
    words = ["hydra/launcher=ray_cluster"]
    command = start(tmp_path, "ray", *words, env=env)
    wait_until_done_on(tmp_path, "ray", ["head", "second"], command)
    second.switch_off()
    out, err = finish(command)
    assert command.returncode == 0, out + err
    found = records(tmp_path, "ray")
    assert [one["status"] for one in found] == ["done"] * POINTS, out + err
    assert {one["device"]["host"] for one in found} == {"head", "second"}
    assert "srun" not in err
    again, _ = finish(start(tmp_path, "ray", *words, env=env))
    assert again.startswith(f"all {POINTS} points were done before")
