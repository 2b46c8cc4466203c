"""Reading files: what counts as an atom, frames, assemblies, and errors that name the file."""

import gzip

import gemmi
import numpy as np
import pytest
from pdb_text import MIXED, ROTATED, record

from openmm_cgpack.core import StructureError
from openmm_cgpack.io.scenes import load_scene, save_scene
from openmm_cgpack.models import single_ball
from openmm_cgpack.packing import place
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
        ("x.cif", CIF.replace(" 2 ", " ? "), "wanted a number from -100000 to 100000 Å each"),
        ("x.cif", CIF.replace(" 2 ", " 1e300 "), "Å each, got .*1e300"),
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


ALANINE = [record(i, name, "ALA", "A", 1, (i, 0, 0)) for i, name in enumerate((" N  ", " CA "))]


def moved(lines, y):
    return [line.replace("   0.000   0.000", f"{y:8.3f}   0.000") for line in lines]


@pytest.mark.parametrize("end", ["ENDMDL", "END"])
def test_more_models_beside_each_other_are_said_and_can_be_taken(tmp_path, end):
    text = "\n".join(line for y in (0, 30, 60) for line in (*moved(ALANINE, y), end))
    path = write(tmp_path, text)
    with pytest.warns(UserWarning, match='3 models beside each other.*models = "all"'):
        first = load_structure(path)
    assert (first.n_atoms, first.contents.models, first.contents.models_read) == (2, 3, 1)
    whole = load_structure(path, Reading(models="all"))
    assert whole.n_atoms == 6
    assert set(whole.atom_table["chain"].tolist()) == {"A1", "A2", "A3"}
    assert np.ptp(whole.positions[:, 1]) == pytest.approx(6)


def test_an_ensemble_is_its_first_model(tmp_path, recwarn):
    text = "\n".join(f"MODEL {i}\n" + "\n".join(ALANINE) + "\nENDMDL" for i in range(9))
    assert load_structure(write(tmp_path, text)).contents.lines() == [
        "in the file: 2 atoms in the first of 9 models"
    ]
    assert not [w for w in recwarn if "models" in str(w.message)]


def test_copies_under_one_chain_letter_keep_their_first_locations(tmp_path):
    """Also where the second location of a residue comes after all of the first."""
    pair = [record(1, " CG ", "LYS", "A", 2, (0, 0, 0), location=a) for a in "AB"]
    other = [record(1, " CD ", "LYS", "A", 2, (3, 0, 0), location=a) for a in "AB"]
    mixed = [pair[0], pair[1], other[0], other[1]]
    blocks = [pair[0], other[0], pair[1], other[1]]
    for copy in (mixed, blocks):
        lines = [line for y in (0, 30, 60) for line in (*moved(copy, y), "TER")]
        structure = load_structure(write(tmp_path, "\n".join(lines)))
        assert structure.n_atoms == 6
        assert structure.contents.alternate_locations == 6


ASSEMBLY = """\
data_x
loop_
_pdbx_struct_assembly.id
_pdbx_struct_assembly.details
1 'whole particle, in our words'
PAU ?
loop_
_pdbx_struct_assembly_gen.assembly_id
_pdbx_struct_assembly_gen.oper_expression
_pdbx_struct_assembly_gen.asym_id_list
1 (X0)(1-2,4) A
PAU 1,4,(P)(2,X0) A
loop_
_pdbx_struct_oper_list.id
{items}
1 1 0 0 0 1 0 0 0 1 0 0 0
2 -1 0 0 0 -1 0 0 0 1 0 0 0
4 -1 0 0 0 1 0 0 0 -1 0 0 0
P 1 0 0 0 1 0 0 0 1 100 0 0
X0 0 -1 0 1 0 0 0 0 1 0 0 0
loop_
{atoms}
ATOM C CA GLY chain__8 A 1 10 20 30
"""
ITEMS = [f"matrix[{i}][{j}]" for i in (1, 2, 3) for j in (1, 2, 3)]
ITEMS += [f"vector[{i}]" for i in (1, 2, 3)]
ATOMS = "group_PDB type_symbol label_atom_id label_comp_id auth_asym_id label_asym_id auth_seq_id"
ASSEMBLY = ASSEMBLY.format(
    items="\n".join(f"_pdbx_struct_oper_list.{item}" for item in ITEMS),
    atoms="\n".join(
        f"_atom_site.{item}" for item in (*ATOMS.split(), *map("Cartn_{}".format, "xyz"))
    ),
)


@pytest.mark.parametrize(
    ("assembly", "places"),
    [
        ("1", [(-20, 10, 30), (20, -10, 30), (-20, -10, -30)]),
        ("PAU", [(10, 20, 30), (-10, 20, -30), (90, -20, 30), (80, 10, 30)]),
    ],
)
def test_products_of_operators_whatever_the_assembly_is_called(tmp_path, assembly, places):
    structure = load_structure(write(tmp_path, ASSEMBLY, "x.cif"), Reading(assembly=assembly))
    found = 10 * (structure.positions + structure.file_origin)
    np.testing.assert_allclose(found, places, atol=1e-9)
    assert structure.atom_table["chain"].tolist() == [
        f"chain__8{i}" for i in range(1, len(places) + 1)
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(1-2,4)", "(1-4)", r"assembly '1': .*oper_expression '\(X0\)\(1-4\)': no operator '3'"),
        ("(1-2,4)", "(1-999999999999)", "no operator '3'"),
        ("(1-2,4)", "(1-2,4)" * 40, "stands for more than 100000 copies"),
        ("_gen.oper_expression", "_gen.x", "the item _pdbx_struct_assembly_gen.oper_expression"),
        ("Cartn_z", "B", r"wanted the item _atom_site.Cartn_z, which is missing"),
        ("label_atom_id", "x", "the item _atom_site.label_atom_id or _atom_site.auth_atom_id"),
    ],
)
def test_what_misses_in_an_mmcif_file_is_named(tmp_path, old, new, message):
    path = write(tmp_path, ASSEMBLY.replace(old, new), "x.cif")
    with pytest.raises(StructureError, match=message):
        load_structure(path, Reading(assembly="1"))


def test_dummy_atoms_are_a_membrane_and_no_mass(tmp_path):
    """Their plane is tilted; the reading of a scene's file brings it back."""
    normal, across = np.array([0.6, 0, 0.8]), np.array([0.8, 0, -0.6])
    points = [
        (name, 20 * i * across + np.array([0, 20 * j, 0]) + side * 15.4 * normal + 5)
        for i in range(3)
        for j in range(3)
        for name, side in ((" N  ", -1), (" O  ", 1))
    ]
    dummies = [
        record(i, name, "DUM", " ", i, xyz, kind="HETATM", element="  ")
        for i, (name, xyz) in enumerate(points)
    ]
    with pytest.warns(UserWarning, match="18 dummy atoms or sites left out: N of DUM, O of DUM"):
        structure = load_structure(write(tmp_path, "\n".join(ALANINE + dummies)))
    assert structure.n_atoms == 2
    save_scene(tmp_path / "scene.npz", place([(single_ball(structure), 1)], seed=1))
    again = load_scene(tmp_path / "scene.npz").species[0].structure
    assert again.contents == structure.contents
    plane = again.membrane_plane
    np.testing.assert_allclose(plane.normal, normal, atol=1e-4)
    assert plane.half_thickness == pytest.approx(1.54, abs=1e-4)
    middle = np.array([5, 5, 5]) / 10
    assert (plane.centre + again.file_origin - middle) @ normal == pytest.approx(0, abs=1e-4)


def test_an_assembly_of_a_chain_that_misses_is_said(tmp_path):
    text = (ROTATED + MIXED).replace("CHAINS: A", "CHAINS: A, B")
    with pytest.warns(UserWarning, match="chains without atoms in the file: B"):
        load_structure(write(tmp_path, text), Reading(assembly="3"))


@pytest.mark.parametrize(
    ("name", "encoding"),
    [("Cé  ", "utf-8"), ("Cé ", "utf-8"), ("😀", "utf-8"), ("Cé  ", "latin-1")],
)
def test_letters_beyond_ascii_do_not_shift_columns(tmp_path, name, encoding):
    """Whether a program counts them as one column or by their bytes."""
    line = record(1, "####", "LIG", "A", 1, (-111.25, 1234.567, -999.125), element="CL")
    path = tmp_path / "x.pdb"
    path.write_bytes(("REMARK é\n" + line.replace("####", name)).encode(encoding))
    structure = load_structure(path)
    assert structure.elements.tolist() == ["Cl"]
    np.testing.assert_allclose(structure.file_origin, [-11.125, 123.4567, -99.9125], atol=1e-9)


def test_operators_of_a_pdb_file_are_whole(tmp_path):
    atom = record(1, " C  ", "LIG", "A", 1, (10, 0, 0))
    wanted = load_structure(write(tmp_path, ROTATED + atom), Reading(assembly="1")).positions
    odd = ROTATED.replace("BIOMT2   2", "BIOMT2 é 2") + "REMARK 350 AUTHOR: É\n" + atom
    found = load_structure(write(tmp_path, odd), Reading(assembly="1")).positions
    np.testing.assert_array_equal(found, wanted)
    for old, new, message in [
        (
            "REMARK 350   BIOMT2   2",
            "REMARK 351   BIOMT2   2",
            "BIOMT1, BIOMT2 and BIOMT3 in turns",
        ),
        ("BIOMT2   2  1.000000", "BIOMT2   2  1.00O000", "four numbers in columns 24-68"),
        ("BIOMT2   2  1.000000", "BIOMT2   2 1.000", "four numbers in columns 24-68"),
    ]:
        with pytest.raises(StructureError, match=message):
            load_structure(write(tmp_path, ROTATED.replace(old, new) + atom), Reading(assembly="1"))
