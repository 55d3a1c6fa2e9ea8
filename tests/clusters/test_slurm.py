"""A grid on a real Slurm: a controller and two nodes on this machine, one of which is lost in the middle."""

import os
import socket
import subprocess

import pytest

from tests.clusters.grids import POINTS, finish, records, start, wait_until_done_on, when_done
from tests.clusters.machines import Machine, free_ports, needs, wait_for
from tests.drawn import draw_screens

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
NODES = ("one", "two")
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdSpoolDir={folder}/spool.%n
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdTimeout=10
SlurmdParameters=config_overrides
ReturnToService=2
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture
def slurm(tmp_path_factory):
    """Environment of commands for it, and its nodes by name."""
    needs("munged", "slurmctld", "slurmd", "sinfo")
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("munge", "state", "spool.one", "spool.two"):
        (folder / name).mkdir(mode=0o700)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    control, *ports = free_ports(1 + len(NODES))
    nodes = [
        f"NodeName={name} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=4000"
        for name, port in zip(NODES, ports, strict=True)
    ]
    config = folder / "slurm.conf"
    config.write_text(CONFIG.format(host=socket.gethostname(), port=control, folder=folder, nodes="\n".join(nodes)))
    env = {"SLURM_CONF": str(config)}
    munge = {"key-file": key, "socket": folder / "munge" / "socket", "pid-file": folder / "munge" / "pid",
             "log-file": folder / "munge" / "log", "seed-file": folder / "munge" / "seed"}  # fmt: skip
    daemons = [
        subprocess.Popen(["munged", "--foreground", "--force", *(f"--{name}={path}" for name, path in munge.items())])
    ]
    machines = {}
    try:
        wait_for((folder / "munge" / "socket").exists, [])
        daemons.append(subprocess.Popen(["slurmctld", "-D", "-f", config], stderr=subprocess.DEVNULL))
        for name in NODES:
            machines[name] = Machine(name, f"slurmd -D -N {name} -f {config}", folder / f"{name}.log")
        wait_for(lambda: states(env) == {"one": "idle", "two": "idle"}, list(machines.values()))
        yield env, machines
    finally:
        for one in machines.values():
            one.switch_off()
        for daemon in reversed(daemons):
            daemon.kill()
            daemon.wait()


def states(env):
    """Node → what Slurm says of it."""
    line = ["sinfo", "--Node", "--noheader", "--format=%N %T"]
    done = subprocess.run(line, env=os.environ | env, capture_output=True, text=True, check=False)
    return dict(row.split() for row in done.stdout.splitlines())


def test_a_grid_goes_on_when_a_node_is_lost(slurm, tmp_path):
    env, machines = slurm
    draw_screens(tmp_path / "screens")
    words = [
        "hydra/launcher=submitit_slurm",
        "hydra.launcher.timeout_min=10",
        "hydra.launcher.cpus_per_task=1",
        "hydra.launcher.mem_gb=2",
    ]
    command = start(tmp_path, "slurm", *words, env=env)
    wait_until_done_on(tmp_path, "slurm", ["one", "two"], command)
    machines["two"].switch_off()
    command.kill()
    command.communicate()
    subprocess.run(["scancel", "--user=root"], env=os.environ | env, check=True)
    wait_for(lambda: states(env)["one"] == "idle", list(machines.values()), 120)
    before = when_done(tmp_path, "slurm")
    assert len(before) < POINTS
    out, err = finish(start(tmp_path, "slurm", *words, env=env))
    found = records(tmp_path, "slurm")
    assert [one["status"] for one in found] == ["done"] * POINTS, out + err
    assert {one["device"]["host"] for one in found} == {"one", "two"}
    after = when_done(tmp_path, "slurm")
    assert {run: after[run] for run in before} == before
    assert f"slurm: {POINTS} runs" in out
    again, _ = finish(start(tmp_path, "slurm", *words, env=env))
    assert again.startswith(f"all {POINTS} points were done before")
