"""What an audit writes, and the command."""

import json

import numpy as np
import pytest
from helpers import body, chain

from openmm_cgpack import Pull, Run, pack_scene, place, save_packed
from openmm_cgpack.auditing import AuditSettings, audit, write_audit
from openmm_cgpack.cli import main


@pytest.fixture(scope="module")
def packed():
    scene = place([(body("a", 7, 1), 6), (body("b", 3, 2), 7), (chain(n=7), 2)], seed=1)
    return pack_scene(scene, Pull(max_steps=200, relax_steps=0), run=Run(platform="CPU"), seed=1)


def test_three_files(packed, tmp_path):
    found = audit(packed, AuditSettings(voxel_size=1.0))
    written = write_audit(tmp_path, found)
    assert [path.name for path in written] == ["audit.txt", "audit.json", "audit.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(p.name for p in written)
    assert written[0].read_text() == f"{found}\n"
    assert json.loads(written[1].read_text()) == json.loads(json.dumps(found.to_dict()))
    first = written[2].read_bytes()
    write_audit(tmp_path, found)
    assert written[2].read_bytes() == first


def test_the_command(packed, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    save_packed(out / "packed.npz", packed)
    species = [{"name": n, "asked": k} for n, k in (("a", 6), ("b", 8), ("chain", 2))]
    (out / "manifest.json").write_text(json.dumps({"species": species}))
    assert main(["audit", str(out), "--voxel-size", "1"]) == 0
    text = capsys.readouterr().out
    assert "15 of 3 species, 16 asked" in text
    assert "7 of 8 asked" in text
    assert json.loads((out / "audit.json").read_text())["n_instances"] == 15
    assert (out / "audit.txt").read_text() in text
    elsewhere = tmp_path / "elsewhere"
    command = ["audit", str(out / "packed.npz"), "--to", str(elsewhere), "--voxel-size", "1"]
    assert main(command) == 0
    assert "asked not known" in capsys.readouterr().out
    assert len(list(elsewhere.iterdir())) == 3
    before = sorted(out.iterdir())
    assert main(["audit", str(out), "--no-files", "--voxel-size", "1"]) == 0
    assert sorted(out.iterdir()) == before


def test_the_command_names_what_is_wrong(tmp_path, capsys):
    assert main(["audit", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text("{}")
    np.savez(tmp_path / "packed.npz", a=np.zeros(1))
    assert main(["audit", str(tmp_path)]) == 2
    assert "packed.npz: wanted a scene" in capsys.readouterr().err
