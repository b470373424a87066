"""A real Slurm of one node, for as long as one command takes; with no command, for a shell.

    .venv/bin/python tests/slurm/cluster.py snakemake --profile slurm --slurm-status-command squeue

munged, slurmctld and slurmd run with a key, ports and folders of their own, beside any Slurm that is there. It installs
nothing and leaves nothing behind; `tests/slurm/install` installs what it needs. GPUs are plain files: Slurm hands them
out and counts them, and the jobs compute on the CPU.
"""

import contextlib
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "scontrol", "squeue", "scancel", "sbatch", "srun", "sinfo", "setpriv")
# Where Debian keeps daemons, which a user's PATH may lack.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"

NODE = {"CPUs": 4, "CoresPerSocket": 4, "RealMemory": 64000}
GPU_TYPE = "a100"

# proctrack/linuxproc and task/none need no cgroups, config_overrides no node of that size. cred_expire is also how long
# a requeued job waits. Of the select plugins only cons_tres knows GPUs.
CONFIGURATION = """\
ClusterName=oleander
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MinJobAge=300
JobRequeue=1
ReturnToService=2
GresTypes=gpu
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
NodeName={host} NodeAddr=127.0.0.1 Sockets=1 ThreadsPerCore=1 {node} Gres=gpu:{gpu}:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


class ClusterError(Exception):
    """Slurm cannot be started, or does not do what it was asked; one sentence."""


def missing() -> str | None:
    """Why no cluster can be started here, and what to do, in one sentence; None where it can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if absent:
        return f"needs Slurm: no {', '.join(absent)}; run tests/slurm/install, or apt install slurm-wlm munge"
    if os.geteuid() != 0:
        return "needs root: slurmctld and slurmd of tests/slurm/cluster.py run as root"
    return None


def wait_until(true: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Return once `true()` is.

    Raises:
        ClusterError: it is not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not within {seconds:g} seconds")
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on, each another."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Cluster(contextlib.AbstractContextManager):
    """One node, up between `with` and its end.

    Attributes:
        folder: everything that it writes; gone when it has stopped.
        environment: what a process needs to use it.

    Raises:
        ClusterError: Slurm is not installed, or a daemon does not come up.
    """

    def __init__(self) -> None:
        if reason := missing():
            raise ClusterError(reason)
        # Short, since the path of a socket must be; munged wants its socket within everybody's reach.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.folder.chmod(0o711)
        self.environment = {
            **os.environ,
            "PATH": f"{self.folder / 'bin'}:{PATH}",
            "SLURM_CONF": str(self.folder / "slurm.conf"),
        }
        self._daemons: dict[str, subprocess.Popen] = {}

    def __enter__(self) -> "Cluster":
        try:
            self._configure()
            places = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munged.pid"}
            places |= {"seed-file": "munge.seed", "log-file": "munged.log"}
            arguments = [f"--{option}={self.folder / name}" for option, name in places.items()]
            self._start((self.folder / "munge.socket").exists, "munged", "--foreground", *arguments)
            self.start_controller()
            self._start(lambda: self.ask("sinfo", "--noheader", "--format=%T") == "idle", "slurmd", "-D")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configure(self) -> None:
        host = socket.gethostname().partition(".")[0]
        controller_port, node_port = free_ports(2)
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=host,
                folder=self.folder,
                controller_port=controller_port,
                node_port=node_port,
                node=" ".join(f"{name}={value}" for name, value in NODE.items()),
                gpu=GPU_TYPE,
            )
        )
        (self.folder / "gres.conf").write_text(
            f"NodeName={host} Name=gpu Type={GPU_TYPE} File={self.folder}/gpu[0-1]\n"
        )
        for name in ("gpu0", "gpu1"):
            (self.folder / name).touch()
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir()
        # Snakemake's plugin takes SLURM_CONF away from the srun that it calls within a job.
        srun = self.folder / "bin/srun"
        conf, program = (shlex.quote(str(path)) for path in (self.environment["SLURM_CONF"], shutil.which("srun")))
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {program} "$@"\n')
        srun.chmod(0o755)
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge.key").chmod(0o600)

    def _start(self, ready: Callable[[], object], name: str, *arguments: str) -> None:
        """A daemon in the foreground, which dies with this process however that ends; returns once it is `ready`."""
        with (self.folder / f"{name}.out").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "--", name, *arguments],
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._daemons[name].poll() is not None or ready(), f"{name} is ready")
            if self._daemons[name].poll() is not None:
                raise ClusterError(f"{name} ended with status {self._daemons.pop(name).returncode}")
        except ClusterError as error:
            said = (self.folder / f"{name}.out").read_text(errors="replace")
            raise ClusterError(f"{error}; the last that it said:\n{said[-2000:]}") from None

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints, or an empty string where it fails."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    def order(self, *command: str) -> None:
        """Run one of Slurm's commands.

        Raises:
            ClusterError: it fails.
        """
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"{' '.join(command)}: {done.stderr.strip()}")

    def jobs(self, states: str = "PENDING,RUNNING,COMPLETING") -> dict[str, str]:
        """Number -> state of the jobs in some of Slurm's `states`, or in "all"."""
        lines = self.ask("squeue", "--noheader", f"--states={states}", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def start_controller(self) -> None:
        """Start slurmctld, which takes up the jobs that an earlier one knew.

        Raises:
            ClusterError: it does not answer.
        """
        self._start(lambda: "is UP" in self.ask("scontrol", "ping"), "slurmctld", "-D")

    def kill_controller(self) -> None:
        """End slurmctld as a crash does."""
        daemon = self._daemons.pop("slurmctld")
        daemon.kill()
        daemon.wait()

    def stop(self) -> None:
        """End the jobs, the daemons and whatever else they started, and remove the folder."""
        if "slurmctld" in self._daemons and self.jobs():
            self.ask("scancel", "--user=root")
            with contextlib.suppress(ClusterError):
                wait_until(lambda: not self.jobs(), "the end of all jobs", 30)
        for name in ("slurmd", "slurmctld", "munged"):
            if name in self._daemons:
                self._daemons[name].terminate()
                try:
                    self._daemons.pop(name).wait(10)
                except subprocess.TimeoutExpired:
                    # Among the survivors below.
                    continue
        for process in self.survivors():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def survivors(self) -> list[int]:
        """Processes that this cluster's daemons and jobs have left: slurmstepd and what runs below it."""
        mark = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return sorted(set(found) - {os.getpid()})


def main(command: list[str]) -> int:
    """Run `command`, or a shell, with a cluster; its exit status."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        with Cluster() as cluster:
            return subprocess.run(
                command or [os.environ.get("SHELL", "sh")], env=cluster.environment, check=False
            ).returncode
    except (ClusterError, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
