"""Workers: how many, what a queue is told, and that a killed one loses nothing."""

import pytest
from kill_dataset import Made, faults, make
from tiny_datasets import write_recipe

from openmm_cgpack.datasets.workers import PROGRAM, Workers, number_of_workers, read_slurm
from openmm_cgpack.recipe import demo_recipe

GIB = 2**30


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(made, tmp_path):
    pytest.importorskip("distributed")
    recipe = write_recipe(tmp_path)
    disturbed = make(recipe, tmp_path / "set", 3, 1, moments=[(0, 0.0)])
    assert len(disturbed.killed) == 1
    assert faults(Made(made.path, 0.0), disturbed, 3) == []
    log = (tmp_path / "set" / "scenes" / f"{disturbed.killed[0]}.log").read_text()
    processes = {line.rpartition(" ")[2] for line in log.splitlines() if " by process " in line}
    assert len(processes) == 2


def test_workers_fit_cores_memory_and_scenes():
    pytest.importorskip("dask")
    recipe = demo_recipe()

    def number(scenes, memory, gpus=0, workers=None):
        how = Workers(workers=workers)
        return number_of_workers(how, scenes, recipe, memory, gpus=gpus)

    cores = number(10**6, 0.0)
    assert cores >= 1
    assert number(10**6, 1e18) == 1
    assert number(10**6, 0.0, gpus=3) <= 3
    assert number(1, 0.0) == 1
    assert number(10, 1e18, workers=4) == 4
    assert number(3, 0.0, workers=4) == 3
    assert PROGRAM < GIB


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "queue.toml",
            'queue = "cpu"\ncores = 1\nmemory = "4GB"\njob-extra-directives = ["-A x"]\n',
        ),
        ("queue.yaml", "queue: cpu\ncores: 1\nmemory: 4GB\njob-extra-directives: [-A x]\n"),
        (
            "dask.yaml",
            "jobqueue:\n  slurm:\n    queue: cpu\n    cores: 1\n    memory: 4GB\n"
            "    job_extra_directives: [-A x]\n",
        ),
    ],
)
def test_what_a_queue_is_told(tmp_path, name, text):
    if name.endswith("yaml"):
        pytest.importorskip("yaml")
    path = tmp_path / name
    path.write_text(text)
    wanted = {"queue": "cpu", "cores": 1, "memory": "4GB", "job_extra_directives": ["-A x"]}
    assert read_slurm(path) == wanted


def test_a_queue_s_file_that_is_no_table(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "queue.yaml"
    for text, words in (("- a\n", "wanted what SLURMCluster takes"), ("a: [", "not a YAML file")):
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            read_slurm(path)
