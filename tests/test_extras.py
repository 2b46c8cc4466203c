"""A missing extra is said before any work: here before a file is read that does not exist."""

import configparser
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import openmm_cgpack as cgp
from openmm_cgpack import evaluation, export
from openmm_cgpack.cli import main
from openmm_cgpack.core.runtime import MissingExtra

NOWHERE = "no/such/folder"
OF_MACHINES_AND_DEVELOPERS = {
    *("cuda12", "cuda13", "hip6", "hip7"),
    *("test", "browser", "compare", "dev", "docs"),
}


def labelled():
    """Return a tomogram to train on."""
    data, grid = np.zeros((8, 8, 8), np.float32), {"voxel_size": 1.0, "origin": (0, 0, 0)}
    labels = cgp.LabelVolume(data=data.astype(np.uint16), names=("ball",), **grid)
    return evaluation.LabelledTomogram(volume=cgp.Volume(data=data, **grid), labels=labels)


CALLS = {
    ("viz", "k3d"): [
        lambda: export.write_viewers(NOWHERE, ["html"]),
        lambda: cgp.view(NOWHERE),
        lambda: export.export_run(NOWHERE, ["relion5", "html"]),
    ],
    ("viz", "skimage"): [
        lambda: cgp.view(NOWHERE),
    ],
    ("nnunet", "nibabel"): [
        lambda: export.export_run(NOWHERE, ["copick", "nnunet"]),
        lambda: export.export_runs({"one": NOWHERE}, ["nnunet"], folder="out"),
    ],
    ("cluster", "distributed"): [
        lambda: cgp.dataset("no such recipe", 2, "out", scheduler="tcp://nowhere:1"),
        lambda: cgp.dataset("no such recipe", 2, "out", slurm="no.toml", workers=2),
    ],
    ("cluster", "dask_jobqueue"): [
        lambda: cgp.dataset("no such recipe", 2, "out", slurm="no.toml", workers=2),
    ],
    ("pandas", "pandas"): [
        lambda: evaluation.Picks(positions=[(1, 2, 3)]).to_pandas(),
    ],
    ("torch", "torch"): [
        lambda: cgp.LabelledTomograms(NOWHERE),
        lambda: evaluation.load_model("no such file"),
        lambda: evaluation.Patches([labelled()], evaluation.RandomCubes(edge=4), seed=1)[0],
    ],
    ("monai", "monai"): [
        lambda: evaluation.train_fcn([], seed=1),
        lambda: evaluation.new_model(("ball",), evaluation.Network(width=4), seed=1),
    ],
}
EACH = [
    pytest.param(*need, call, id=f"{need[1]}-{number}")
    for need, calls in CALLS.items()
    for number, call in enumerate(calls)
]


def test_every_extra_of_the_package_is_here():
    config = configparser.ConfigParser()
    config.read(Path(__file__).parents[1] / "setup.cfg", encoding="utf-8")
    extras = set(config["options.extras_require"]) - OF_MACHINES_AND_DEVELOPERS
    assert {extra for extra, _ in CALLS} == extras


@pytest.mark.parametrize(("extra", "module", "call"), EACH)
def test_a_missing_extra_is_said_at_once(extra, module, call, monkeypatch, tmp_path):
    if module == "dask_jobqueue":
        pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    began = time.process_time()
    with pytest.raises(MissingExtra, match=rf"pip install 'openmm_cgpack\[{extra}\]'"):
        call()
    assert time.process_time() - began < 1
    assert list(tmp_path.iterdir()) == []


def test_a_command_says_it_in_a_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "k3d", None)
    assert main(["view", NOWHERE, "--format", "html"]) == 2
    message = "html: wanted k3d, which is not installed: pip install 'openmm_cgpack[viz]'"
    assert capsys.readouterr().err.splitlines() == [f"cgpack: {message}"]
