"""Reading files: what counts as an atom, frames, assemblies, and errors that name the file."""

import gzip

import gemmi
import numpy as np
import pytest
from pdb_text import MIXED, ROTATED, record

from openmm_cgpack.core import StructureError
from openmm_cgpack.structures import Reading, load_structure


def write(folder, text, name="x.pdb"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def as_cif(text):
    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    return structure.make_mmcif_document().as_string()


def atoms(structure):
    return [(str(row["atom"]), str(row["residue"])) for row in structure.atom_table]


@pytest.mark.parametrize("format", ["pdb", "cif"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("suffix", [True, False])
def test_first_model_first_location_heavy_atoms(tmp_path, format, zipped, suffix):
    text = MIXED if format == "pdb" else as_cif(MIXED)
    data = gzip.compress(text.encode()) if zipped else text.encode()
    structure = load_structure(write(tmp_path, data, f"x.{format}" if suffix else "x"))
    assert atoms(structure) == [
        ("N", "ALA"),
        ("CA", "ALA"),
        ("CA", "SER"),
        ("OG", "SER"),
        ("ZN", "ZN"),
    ]
    assert structure.elements.tolist() == ["N", "C", "C", "O", "Zn"]
    np.testing.assert_allclose(structure.masses, [14.007, 12.011, 12.011, 15.999, 65.38], atol=0.01)
    in_file = structure.positions + structure.file_origin
    np.testing.assert_allclose(
        in_file, [[0, 0, 0], [0.1, 0.2, 0], [0.4, 0, 0], [0.4, 0.1, 0], [0.7, 0, 0]], atol=1e-12
    )
    assert structure.name == "x"


def test_switches(tmp_path):
    path = write(tmp_path, MIXED)
    assert load_structure(path, Reading(waters=True)).n_atoms == 6
    assert load_structure(path, Reading(hydrogens=True)).n_atoms == 7
    assert load_structure(path, Reading(hetero=False)).n_atoms == 4
    assert load_structure(path, Reading(hetero=False, waters=True)).n_atoms == 5
    assert load_structure(path, name="mine").name == "mine"


def test_body_frame_ignores_waters_and_hydrogens(tmp_path):
    path = write(tmp_path, MIXED)
    bare = load_structure(path)
    full = load_structure(path, Reading(waters=True, hydrogens=True))
    np.testing.assert_allclose(bare.masses @ bare.positions / bare.mass, 0, atol=1e-12)
    np.testing.assert_array_equal(bare.file_origin, full.file_origin)
    assert np.abs(full.masses @ full.positions).max() > 1


def test_elements_from_names_where_the_columns_are_blank(tmp_path):
    rows = [
        (" CA ", "ALA", "ATOM", "C"),
        ("CA  ", " CA", "HETATM", "Ca"),
        (" OXT", "ALA", "ATOM", "O"),
        ("FE  ", "HEM", "HETATM", "Fe"),
        ("NA  ", " NA", "HETATM", "Na"),
        (" P  ", "  G", "ATOM", "P"),
        (" SG ", "CYS", "ATOM", "S"),
    ]
    text = "\n".join(
        record(i, atom, residue, "A", i, (i, 0, 0), kind=kind, element="  ").rstrip()
        for i, (atom, residue, kind, _) in enumerate(rows)
    )
    structure = load_structure(write(tmp_path, text))
    assert structure.elements.tolist() == [row[-1] for row in rows]
    hydrogens = "\n".join(
        [
            record(1, " N  ", "ALA", "A", 1, (0, 0, 0), element="  "),
            record(2, "1HB ", "ALA", "A", 1, (1, 0, 0), element="  "),
            record(3, "HG11", "VAL", "A", 1, (2, 0, 0), element="  "),
        ]
    )
    assert load_structure(write(tmp_path, hydrogens)).elements.tolist() == ["N"]


def test_mmcif_without_elements(tmp_path):
    text = (
        "data_x\nloop_\n_atom_site.group_PDB\n_atom_site.id\n_atom_site.type_symbol\n"
        "_atom_site.label_atom_id\n_atom_site.label_comp_id\n_atom_site.label_asym_id\n"
        "_atom_site.auth_seq_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n"
        "ATOM 1 ? CA ALA A 1 0 0 0\nATOM 2 ? N ALA A 1 1 0 0\nHETATM 3 ? CA CA A 2 2 0 0\n"
        "HETATM 4 ? 1HB ALA A 2 3 0 0\nHETATM 5 ? NA NA A 3 4 0 0\n"
    )
    structure = load_structure(write(tmp_path, text, "x.cif"))
    assert structure.elements.tolist() == ["C", "N", "Ca", "Na"]


@pytest.mark.parametrize("format", ["pdb", "cif"])
def test_assembly_is_the_rotation_of_the_file(tmp_path, format):
    text = ROTATED + MIXED
    path = write(tmp_path, text if format == "pdb" else as_cif(text), f"x.{format}")
    one = load_structure(path)
    two = load_structure(path, Reading(assembly="1"))
    assert two.n_atoms == 2 * one.n_atoms
    chains = two.atom_table["chain"]
    assert len(set(chains[:5].tolist()) & set(chains[5:].tolist())) == 0
    source = one.positions + one.file_origin
    copy = (two.positions + two.file_origin)[5:]
    turned = np.stack([-source[:, 1] + 4.0, source[:, 0] + 0.5, source[:, 2] + 0.2], axis=1)
    np.testing.assert_allclose(copy, turned, atol=1e-9)
    np.testing.assert_allclose(two.masses @ two.positions, 0, atol=1e-9)
    assert load_structure(path, Reading(assembly="3")).n_atoms == one.n_atoms


def test_unknown_assembly_lists_those_present(tmp_path):
    with pytest.raises(StructureError, match=r"x\.pdb: no assembly '2'; the file has '1', '3'"):
        load_structure(write(tmp_path, ROTATED + MIXED), Reading(assembly="2"))
    with pytest.raises(StructureError, match=r"x\.pdb: assembly '1' .* describes no assembly"):
        load_structure(write(tmp_path, MIXED), Reading(assembly="1"))


GOOD = record(1, " CA ", "ALA", "A", 1, (1, 2, 3))
CIF = as_cif(GOOD)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.pdb", b"", "empty"),
        ("x.pdb", b"\n \n", "empty"),
        ("x.pdb", GOOD + "\n" + GOOD.replace("   2.000", "   2.0x0"), r"line 2: ATOM record: y: "),
        ("x.pdb", GOOD.replace("   2.000", "     nan"), r"line 1: ATOM record: y: .*'     nan'"),
        ("x.pdb", GOOD.replace("   3.000", "********"), r"line 1: ATOM record: z: "),
        ("x.pdb", GOOD + "\n" + GOOD[:50], "line 2: ATOM record cut short at column 50"),
        ("x.pdb", "HEADER    NOTHING\nEND\n", "no ATOM or HETATM record"),
        ("x.pdb", "hello world, this is no structure", "no ATOM or HETATM record"),
        ("x.pdb", b"ATOM  \0\0\0", "not a text file"),
        ("x.pdb", b"\x1f\x8b" + b"junk" * 5, "gzip file is corrupt"),
        ("x.pdb.gz", gzip.compress(MIXED.encode())[:-30], "gzip file is truncated"),
        ("x.cif", CIF[: len(CIF) - 12], "mmCIF syntax, line "),
        ("x.cif", "hello", "mmCIF syntax, line 1"),
        ("x.cif", "data_x\n_entry.id x\n", "no _atom_site"),
        ("x.cif", CIF.replace(" 2 ", " ? "), "wanted finite coordinates"),
        (
            "x.pdb",
            GOOD.replace("ALA", "HOH"),
            "none of the 1 atoms is left with waters=False",
        ),
    ],
)
def test_one_line_that_names_the_file(tmp_path, name, content, message):
    path = write(tmp_path, content, name)
    with pytest.raises(StructureError, match=message) as caught:
        load_structure(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(StructureError, match=r"nowhere\.pdb: no such file"):
        load_structure(tmp_path / "nowhere.pdb")
    with pytest.raises(StructureError, match="wanted a file, got a folder"):
        load_structure(tmp_path)


def test_all_records_of_1f1b(shared):
    path = shared / "pdb" / "1f1b.pdb.gz"
    structure = load_structure(path, Reading(waters=True, hydrogens=True, hetero=True))
    assert structure.n_atoms == 8274
    records = [
        line
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()
        if line.startswith(("ATOM", "HETATM"))
    ]
    wanted = [[float(line[a : a + 8]) for a in (30, 38, 46)] for line in records]
    found = 10 * (structure.positions + structure.file_origin)
    order = np.lexsort(np.round(found, 3).T)
    np.testing.assert_allclose(found[order], np.array(wanted)[np.lexsort(np.array(wanted).T)])


@pytest.mark.parametrize("waters", [False, True])
def test_haemoglobin_is_the_same_in_both_formats(shared, waters):
    """The entry's PDB file is in the frame of its deposition, which is strained by 0.14 %."""
    pdb = load_structure(shared / "pdb" / "3hhb.pdb.gz", Reading(waters=waters))
    cif = load_structure(shared / "pdb" / "3hhb.cif.gz", Reading(waters=waters))
    assert pdb.n_atoms == cif.n_atoms == (4612 if waters else 4558)
    np.testing.assert_array_equal(pdb.atom_table, cif.atom_table)
    np.testing.assert_array_equal(pdb.elements, cif.elements)
    np.testing.assert_array_equal(pdb.masses, cif.masses)
    frame, *_ = np.linalg.lstsq(cif.positions, pdb.positions, rcond=None)
    assert np.linalg.det(frame) == pytest.approx(1, abs=2e-3)
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=3e-3)
    np.testing.assert_allclose(cif.positions @ frame, pdb.positions, atol=1e-4)


@pytest.mark.parametrize("entry", ["1w6t", "3hhb"])
def test_a_real_entry_converted_is_the_same(shared, tmp_path, entry):
    """Real alternate locations, waters and ligands, in one frame."""
    path = shared / "pdb" / f"{entry}.pdb.gz"
    cif = write(tmp_path, as_cif(gzip.decompress(path.read_bytes()).decode()), "x.cif")
    for options in ({}, {"waters": True}, {"hetero": False}, {"assembly": "1"}):
        one, other = (
            load_structure(path, Reading(**options)),
            load_structure(cif, Reading(**options)),
        )
        np.testing.assert_array_equal(one.atom_table, other.atom_table)
        np.testing.assert_allclose(one.positions, other.positions, atol=1e-6)


@pytest.mark.parametrize(
    ("entry", "copies", "chains"), [("1f1b", 3, 12), ("1oel", 2, 14), ("1bxn", 2, 16)]
)
def test_assemblies_of_real_entries(shared, entry, copies, chains):
    path = shared / "pdb" / f"{entry}.pdb.gz"
    one = load_structure(path)
    whole = load_structure(path, Reading(assembly="1"))
    assert whole.n_atoms == copies * one.n_atoms
    assert len(np.unique(whole.atom_table["chain"])) == chains
    placed = (whole.positions + whole.file_origin).reshape(copies, -1, 3)
    np.testing.assert_allclose(placed[0], one.positions + one.file_origin, atol=1e-9)
    for copy in placed[1:]:
        centred = [points - points.mean(axis=0) for points in (placed[0], copy)]
        u, _, vt = np.linalg.svd(centred[0].T @ centred[1])
        assert np.linalg.det(u @ vt) == pytest.approx(1)
        np.testing.assert_allclose(centred[0] @ (u @ vt), centred[1], atol=1e-5)
