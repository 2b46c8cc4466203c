"""Who makes the scenes: workers of Dask on this machine or elsewhere, or this process."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.runtime import MissingExtra, available_memory, missing_extra
from ..core.settings import Settings, setting
from ..io.files import read_toml
from ..io.inputs import read_text
from ..packing.simulations import choose_platform
from ..recipe import Recipe
from .one_scene import Outcome, Task, make_scene
from .scene_table import MISSING

if TYPE_CHECKING:
    from distributed import Client, Future

_log = logging.getLogger(__name__)

LOSSES = 10
"""Workers that may be lost at one scene: what ends one worker after the other is told then."""

PROGRAM = 500 * 2**20
"""Memory that a worker takes before there is a scene, bytes; measured."""

_PATIENCE = 10
"""Seconds that a scheduler may take to answer."""

_OF_GPUS = ("CUDA", "HIP", "OpenCL")


class Workers(Settings):
    """Who makes the scenes of a data set."""

    workers: int | None = setting(
        "how many scenes are made at once; left out, as many as cores, memory and GPUs of this "
        "machine bear; 0 is this process alone, without Dask",
        default=None,
        minimum=0,
        maximum=100_000,
    )
    scheduler: str | None = setting(
        "address of a Dask scheduler that is running, as tcp://HOST:8786; its workers have to see "
        "the same folders",
        default=None,
    )
    slurm: Path | None = setting(
        "a TOML or YAML file with what dask-jobqueue's SLURMCluster takes, as queue, cores, memory "
        "and walltime; workers are its jobs",
        default=None,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scheduler is not None and self.slurm is not None:
            raise ValueError("scheduler: stands in place of slurm, not beside it")
        if self.slurm is not None and not self.workers:
            raise ValueError("workers: wanted how many jobs, 1 or more, with slurm")

    def meaningless(self) -> dict[str, str]:
        """Say that a scheduler which is running has its workers."""
        return {} if self.scheduler is None else {"workers": "with a scheduler that is running"}


Each = Callable[[Outcome], None]


def check_workers(how: Workers) -> None:
    """Raise ValueError where workers of elsewhere cannot be had: before there is anything."""
    if how.scheduler is None and how.slurm is None:
        return
    where = "scheduler" if how.slurm is None else "slurm"
    for module in ("distributed", "dask_jobqueue")[: 1 if how.slurm is None else 2]:
        if why := missing_extra(module, "cluster"):
            raise MissingExtra(f"{where}: {why}")
    if how.slurm is not None:
        read_slurm(how.slurm)
        return
    _connected(str(how.scheduler)).close()


def _connected(address: str) -> Client:
    from distributed import Client

    try:
        return Client(address, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        raise ValueError(f"scheduler: {address}: {error}") from None


def make_scenes(
    path: Path,
    indices: Sequence[int],
    how: Workers,
    task: Task,
    *,
    recipe: Recipe,
    memory: float,
    each: Each,
) -> None:
    """Make scenes of a data set; `each` is called with what came of every one.

    Parameters
    ----------
    path : Path
        The folder of the data set.
    indices : sequence of int
        Numbers of the scenes.
    how : Workers
        Who makes them.
    task : Task
        What is to be done at each.
    recipe : Recipe
        One of theirs, for its platform and threads.
    memory : float
        What the largest takes, bytes.
    each : callable
        Takes an `Outcome`.
    """
    elsewhere = how.scheduler is not None or how.slurm is not None
    if how.workers == 0 or (len(indices) == 1 and not elsewhere) or not _has_dask():
        for index in indices:
            each(make_scene(str(path), index, task))
        return
    with _client(how, len(indices), recipe, memory) as client:
        from distributed import as_completed

        futures = {
            client.submit(
                make_scene,
                str(path.resolve()),
                index,
                task,
                key=f"{path.name}-{index}-{os.getpid()}",
                pure=False,
            ): index
            for index in indices
        }
        for future in as_completed(futures):
            each(_outcome(future, futures[future]))


def _outcome(future: Future, index: int) -> Outcome:
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KilledWorker):
        return Outcome(index, MISSING, "its worker was lost again and again: too little memory?")
    return Outcome(index, MISSING, f"{type(error).__name__}: {error}")


def _has_dask() -> bool:
    """Return whether Dask is there; say so where it is not."""
    why = missing_extra("distributed", "cluster")
    if why is not None:
        _log.warning("cgpack: note: scenes are made one by one; for several at once %s", why)
    return why is None


@contextmanager
def _client(how: Workers, scenes: int, recipe: Recipe, memory: float) -> Iterator[Client]:
    """Yield a client of the workers; those that were started for it end with the block."""
    import dask
    from distributed import Client

    if how.scheduler is not None:
        with _connected(how.scheduler) as client:
            yield client
        return
    with dask.config.set({"distributed.scheduler.allowed-failures": LOSSES}):
        make = _slurm if how.slurm is not None else _local
        with make(how, scenes, recipe, memory) as cluster, Client(cluster) as client:
            yield client


def _local(how: Workers, scenes: int, recipe: Recipe, memory: float) -> Any:
    from distributed import LocalCluster, Nanny, Scheduler, SpecCluster

    gpus = visible_gpus(recipe)
    number = number_of_workers(how, scenes, recipe, memory, gpus=len(gpus))
    _log.info("%d workers of %d threads", number, recipe.run.threads or 1)
    quiet = {"silence_logs": logging.ERROR}
    if not gpus:
        return LocalCluster(
            n_workers=number, threads_per_worker=1, dashboard_address=None, processes=True, **quiet
        )
    # As LocalCluster, with another GPU for each.
    specs = {
        k: {
            "cls": Nanny,
            "options": {
                "nthreads": 1,
                "env": {"CUDA_VISIBLE_DEVICES": gpus[k % len(gpus)]},
                **quiet,
            },
        }
        for k in range(number)
    }
    scheduler = {"cls": Scheduler, "options": {"dashboard": False, "protocol": "tcp://"}}
    return SpecCluster(scheduler=scheduler, workers=specs, **quiet)


def _slurm(how: Workers, scenes: int, recipe: Recipe, memory: float) -> Any:
    assert how.slurm is not None
    from dask_jobqueue import SLURMCluster

    settings = read_slurm(how.slurm)
    # A job is one worker that makes one scene at a time, on as many cores as its threads want.
    cores = settings.pop("cores", recipe.run.threads or 1)
    try:
        cluster = SLURMCluster(
            **{
                "job_cpu": cores,
                "scheduler_options": {"dashboard_address": ":0"},
                "silence_logs": "error",
                **settings,
                "cores": 1,
                "processes": 1,
            }
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{how.slurm}: {error}") from None
    cluster.scale(jobs=min(how.workers or 1, scenes))
    return cluster


def read_slurm(path: Path) -> dict[str, Any]:
    """Return what a file says for dask-jobqueue, also where it is laid out as Dask's own are."""
    if path.suffix in (".yaml", ".yml"):
        import yaml

        try:
            held = yaml.safe_load(read_text(path))
        except yaml.YAMLError as error:
            raise ValueError(f"{path}: not a YAML file: {error}") from None
    else:
        held = read_toml(path)
    for name in ("jobqueue", "slurm"):
        if isinstance(held, dict) and name in held:
            held = held[name]
    if not isinstance(held, dict):
        raise ValueError(f"{path}: wanted what SLURMCluster takes, by name")
    return {name.replace("-", "_"): value for name, value in held.items()}


def number_of_workers(
    how: Workers, scenes: int, recipe: Recipe, memory: float, *, gpus: int = 0
) -> int:
    """Return how many workers are asked for, or else what GPUs or cores, and memory, bear."""
    if how.workers:
        return min(how.workers, scenes)
    threads = recipe.run.threads or 1
    by_cores = gpus or (_cores() // threads)
    by_memory = int(available_memory() / (memory + PROGRAM))
    return max(1, min(scenes, by_cores, by_memory))


def _cores() -> int:
    """Return the cores that this process may use, in a container or a queue's job, too."""
    from dask.system import CPU_COUNT

    return int(CPU_COUNT)


def visible_gpus(recipe: Recipe) -> list[str]:
    """Return the GPUs that scenes run on, as CUDA_VISIBLE_DEVICES names them; none on a CPU."""
    if choose_platform(recipe.run)[0].getName() not in _OF_GPUS:
        return []
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ["0"]
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout
    return [str(k) for k in range(listed.count("GPU "))] or ["0"]
