"""Workers on several machines or GPUs, by Ray.

Every chunk of work is one Ray task, and what it returns comes back to the process that asked, so
the machines need no disk in common. They do need the same version of this package and the images,
at the same path where ``--data-dir`` names one.

A task whose worker or machine dies runs again elsewhere, ``retries`` times. So a killed worker
costs the chunk in hand, and the sweep continues. A sweep whose own process is killed resumes when
it is started again, as with every executor.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

# Ray reads these when it is imported. It is not to report the use of this package to its makers,
# nor to hide the GPUs from tasks that ask for none: those say device="cpu".
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
import ray.exceptions as failures
import torch

from act_bench.arguments import finite_number, whole_number
from act_bench.tables.registry import import_own_tables
from regenerate.sweeps.executor import Chunk, Result
from regenerate.sweeps.processes import WorkerDiedError, available_cores
from regenerate.training.dispatch import DeviceError, trainer_of

OBJECT_STORE = 100 * 2**20
"""Bytes that a cluster started here reserves to pass results: runs are small, and the default is a
third of the machine's memory."""


class RayExecutor:
    """One core, and if asked a GPU or a share of one, for each chunk of work, wherever Ray has it.

    Connects when it is made, and stays connected until the process ends or ``ray.shutdown()``.

    Parameters
    ----------
    jobs
        At most so many chunks at a time; None takes what the cluster has room for.
    address
        Of a running cluster: ``HOST:PORT``, ``ray://HOST:PORT``, or ``auto`` for one that this
        machine belongs to. None takes that of the environment variable ``RAY_ADDRESS``, and without
        it starts workers on this machine, one for each of its cores, or ``jobs``.
    gpus
        GPUs for each worker while it trains on ``cuda``; a fraction lets workers share one.
    retries
        How often a chunk may lose its worker before the sweep gives up.

    Raises
    ------
    ValueError
        If ``jobs`` is below 1 or ``gpus`` not above 0.
    WorkerDiedError
        If no cluster answers at the address.
    """

    def __init__(
        self,
        jobs: int | None = None,
        *,
        address: str | None = None,
        gpus: float = 1.0,
        retries: int = 3,
    ) -> None:
        self.jobs = None if jobs is None else whole_number(jobs, "jobs", least=1)
        self.gpus = finite_number(gpus, "gpus for each worker", above=0)
        self.retries = retries
        self._on_gpu = False
        if not ray.is_initialized():
            _connect(address or os.environ.get("RAY_ADDRESS"), jobs)

    def choose_device(self, network: str, device: str) -> str:
        """Return the device for the workers and reserve it for the chunks to come.

        Like ``regenerate.training.dispatch.choose_device``, but ``auto`` asks what the cluster has,
        which may be more or less than what is here.

        Raises
        ------
        DeviceError
            If the network does not train on the device, or no machine of the cluster has it.
        """
        cpu_only = trainer_of(network).cpu_only
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        found = max((machine.get("GPU", 0.0) for machine in machines), default=0.0)
        if device == "auto":
            device = "cuda" if found >= self.gpus and not cpu_only else "cpu"
        if device != "cpu" and cpu_only:
            raise DeviceError(f"the {network} trains on the cpu only, got device {device!r}")
        if device not in ("cpu", "cuda"):  # which of a machine's GPUs, Ray says
            raise DeviceError(f"expected a device auto, cpu or cuda, got {device!r}")
        if device == "cuda" and found < self.gpus:
            raise DeviceError(
                f"device {device!r}: expected a machine with {self.gpus:g} GPUs in the Ray "
                f"cluster, the most that one has are {found:g}; use --device cpu"
            )
        self._on_gpu = device == "cuda"
        return device

    def run(self, work: Callable[[Chunk], Result], chunks: Iterable[Chunk]) -> Iterator[Result]:
        """Yield the results as they come; on an error, chunks that are not done are dropped.

        Raises
        ------
        WorkerDiedError
            If a chunk lost its worker more often than ``retries``.
        """
        task = ray.remote(_apply).options(
            num_cpus=1, num_gpus=self.gpus if self._on_gpu else 0, max_retries=self.retries
        )
        shared = ray.put(work)
        waiting = iter(chunks)
        running = [task.remote(shared, chunk) for chunk in islice(waiting, self._room())]
        try:
            while running:
                (done, *_), running = ray.wait(running)
                yield ray.get(done)
                free = max(0, self._room() - len(running))  # machines may have come or gone
                running += [task.remote(shared, chunk) for chunk in islice(waiting, free)]
        except failures.RayTaskError as error:
            raise error.cause from error  # the work's own, as with the other executors
        except failures.RayError as error:
            raise WorkerDiedError(
                f"a worker died in each of {self.retries + 1} attempts at the same functions, or "
                f"the Ray cluster is gone ({type(error).__name__}); what was finished is safe: run "
                "the same command again to go on, with fewer --jobs if memory is short"
            ) from error
        finally:
            for left in running:
                ray.cancel(left, force=True)

    def _room(self) -> int:
        """Return how many chunks may run now: one more than the cluster has workers for.

        That one waits: a cluster that grows with the need must see the need.
        """
        if self.jobs is not None:
            return self.jobs
        resources = ray.cluster_resources()
        workers = resources.get("CPU", 0.0)
        if self._on_gpu:
            workers = min(workers, resources.get("GPU", 0.0) / self.gpus)
        return int(workers) + 1


def _connect(address: str | None, jobs: int | None) -> None:
    """Connect to the cluster at the address, or start one here."""
    if address is not None and address != "local":
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            if port.isdecimal():  # Ray itself would knock for minutes where nobody is
                socket.create_connection((host, int(port)), timeout=10).close()
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError, failures.RayError) as error:
            raise WorkerDiedError(
                f"no Ray cluster answers at {address!r} ({error}); expected HOST:PORT of its head, "
                "the machine on which `ray start --head` was run, and RAY_AUTH_MODE=token in the "
                "environment if that asks for a token"
            ) from error
        return
    ray.init(
        "local",
        num_cpus=jobs or available_cores(),
        object_store_memory=OBJECT_STORE,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )


def _apply(work: Callable[[Chunk], Result], chunk: Chunk) -> Result:
    # As many threads as cores were asked for, whatever the machine has.
    torch.set_num_threads(1)
    import_own_tables()
    return work(chunk)
