"""A format of a user's own module is one as all others."""

import subprocess
import sys
from dataclasses import replace

import own_format
import pytest
import world

from openmm_cgpack.core import ParticleTable
from openmm_cgpack.export import export_truth

COUNTED = ["one_A 2", "filament 2", "two of them 1", "membrane 1"]


def test_from_python_by_name_and_as_a_value(tmp_path):
    _, truth = world.everything()
    path = export_truth(truth, tmp_path / "a", ["census"])["census"]
    assert (path / "world.txt").read_text().splitlines() == COUNTED
    own = own_format.Census(separator="\t")
    path = export_truth(truth, tmp_path / "b", [own])["census"]
    assert (path / "world.txt").read_text().startswith("one_A\t2\n")
    nothing = ParticleTable(instance=[], species=[], centre=[], radius=[], rotation=[])
    empty = replace(truth, particles=nothing, visible=[], lines={}, surfaces={})
    with pytest.raises(ValueError, match="census: wanted particles, got none"):
        export_truth(empty, tmp_path / "c", [own])
    assert not (tmp_path / "c").exists()


def test_it_is_among_all_formats(tmp_path):
    assert "census" in export_truth(world.molecules()[1], tmp_path)


def test_by_the_command(run):
    """The command's choices are the formats that there are when it runs."""
    words = ["--import", own_format.__file__, "export", str(run), "--format", "census"]
    command = [sys.executable, "-m", "openmm_cgpack", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.rstrip() == f"census     {run / 'census'}", done.stderr
    assert (run / "census" / "run-1.txt").read_text().splitlines() == COUNTED
