"""Building a library from files, on small made-up molecules."""

import numpy as np
import pytest
from build_library import (
    build_library,
    compare_balls,
    compare_maps,
    library_table,
)
from reduction import reduce_structure

from openmm_cgpack.core import AtomicStructure, StructureError
from openmm_cgpack.structures import library


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(4)
    folder = tmp_path / "files"
    folder.mkdir()
    rows = []
    for i, (x, y, z) in enumerate(rng.uniform(-15, 15, (600, 3)) * [1, 1.5, 2]):
        rows.append(
            f"ATOM  {i + 1:5d}  CA  ALA A{i + 1:4d}    {x:8.3f}{y:8.3f}{z:8.3f}"
            "  1.00  0.00           C"
        )
    (folder / "blob.pdb").write_text("\n".join(rows))
    table = '[blob]\nfile = "blob.pdb"\ntitle = "a blob"\nnote = "made up"\n'
    (folder / "species.toml").write_text(table)
    return folder


def test_build_and_load(folder, tmp_path):
    lines = []
    built = build_library(
        folder, tmp_path / "out", species=folder / "species.toml", progress=lines.append
    )
    assert built.names == ("blob",)
    assert lines[0].startswith("blob: 600 atoms as 100 points")
    entry = built.entries[0]
    assert entry.title == "a blob"
    assert entry.note == "made up"
    assert entry.assembly is None
    structure = built["blob"]
    assert structure.n_atoms == 600
    assert structure.mass == pytest.approx(600 * 12.011, rel=1e-4)
    assert "| blob | a blob | as filed | 600 |" in library_table(built)


def test_the_same_bytes_twice(folder, tmp_path):
    for out in ("one", "two"):
        build_library(folder, tmp_path / out, species=folder / "species.toml")
    for name in ("blob.npz", "index.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_errors_name_the_file(folder, tmp_path):
    table = folder / "species.toml"
    good = table.read_text()
    for text, message in [
        (good + "colour = 1\n", "blob: unknown key 'colour'"),
        ("[blob]\nfile = 'blob.pdb'\n", "blob: wanted a table with file and title"),
        ("[blob\n", "species.toml: "),
        (good.replace("blob.pdb", "none.pdb"), r"none\.pdb: no such file"),
    ]:
        table.write_text(text)
        with pytest.raises(StructureError, match=message):
            build_library(folder, tmp_path / "out", species=table)
    with pytest.raises(StructureError, match=r"nowhere\.toml: cannot be read"):
        build_library(folder, tmp_path / "out", species=folder / "nowhere.toml")


def test_comparisons_see_differences():
    rng = np.random.default_rng(8)
    full = AtomicStructure(
        name="f",
        positions=rng.normal(size=(900, 3)) * [1, 2, 3],
        masses=np.full(900, 12.0),
        envelope_volume=1.0,
    )
    assert compare_maps(full, full, resolution=2.0) == pytest.approx((1, 0), abs=1e-12)
    assert compare_balls(full, full)[1:] == pytest.approx((0, 0), abs=1e-12)
    fine = reduce_structure(full, atoms_per_point=3)
    coarse = reduce_structure(full, atoms_per_point=20)
    assert 0 < compare_maps(full, fine, resolution=2.0)[1] < 0.1
    assert (
        compare_maps(full, coarse, resolution=2.0)[1] > compare_maps(full, fine, resolution=2.0)[1]
    )
    moved = AtomicStructure(
        name="m",
        positions=full.positions + np.array([0.3, 0, 0.4]),
        masses=full.masses,
        envelope_volume=1.0,
    )
    assert compare_maps(full, moved, resolution=1.0)[0] < 0.9
    assert compare_balls(full, moved)[1] == pytest.approx(0.5, abs=0.01)


def test_shipped_index_is_reproducible(shared, tmp_path):
    """The smallest species, built anew: the same points and volume, the same quality."""
    entry = library.entry("3gl1")
    table = tmp_path / "species.toml"
    table.write_text(
        f'[3gl1]\nfile = "{entry.file}"\nassembly = "1"\ntitle = "{entry.title}"\n'
        f'note = "{entry.note}"\n'
    )
    anew = build_library(shared / "pdb", tmp_path, species=table)
    again = anew.entries[0]
    assert again.sha256 == entry.sha256
    assert again.n_points == entry.n_points
    assert again.envelope_volume == pytest.approx(entry.envelope_volume, rel=1e-6)
    assert again.map_error_1nm == pytest.approx(entry.map_error_1nm, rel=0.05)
    np.testing.assert_allclose(anew["3gl1"].positions, library["3gl1"].positions, atol=2e-3)
