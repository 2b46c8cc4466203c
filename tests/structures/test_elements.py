"""One order of what tells an element: the column, the residue, the name."""

import numpy as np
import pytest

from openmm_cgpack.structures.elements import elements_of, virtual_sites, waters


def symbols(*rows, columns=True):
    given, names, residues = (np.array(column) for column in zip(*rows, strict=True))
    found = elements_of(given, names, residues, columns=columns)
    return ["?" if u else s for s, u in zip(found.symbols.tolist(), found.unknown, strict=True)]


@pytest.mark.parametrize(
    ("given", "name", "residue", "wanted"),
    [
        # The column, in any case and with any charge.
        ("FE3+", "XX  ", "HEM", "Fe"),
        (" O1-", " O  ", "ASP", "O"),
        (" c", " CA ", "ALA", "C"),
        ("Zn+2", "ZN  ", " ZN", "Zn"),
        ("CA", " CA ", "ALA", "Ca"),
        (" D", " D  ", "ALA", "D"),
        # AutoDock's types.
        (" OA", " O1 ", "LIG", "O"),
        (" A", " C1 ", "LIG", "C"),
        (" HD", " H1 ", "LIG", "H"),
        (" Cl", " CL1", "LIG", "Cl"),
        # The residue's chemistry.
        ("", " CA ", "ALA", "C"),
        ("", "CA  ", "ALA", "C"),
        ("", "CA  ", "CA", "Ca"),
        ("", " CA ", "CA", "Ca"),
        ("", "CD  ", "HIE", "C"),
        ("", "HG11", "VAL", "H"),
        ("", "1HB ", "ALA", "H"),
        ("", " HG ", "SER", "H"),
        ("", "SE  ", "MSE", "Se"),
        ("", " I  ", "IOD", "I"),
        ("", "Na+ ", "Na+", "Na"),
        ("", "CLA ", "CLA", "Cl"),
        ("", "D5''", "DA", "D"),
        ("", " O5'", "RA5", "O"),
        # The name and its columns.
        ("", "FE  ", "HEM", "Fe"),
        ("", " NA ", "HEM", "N"),
        ("", "HG  ", "MMC", "Hg"),
        ("", "CL1 ", "LIG", "Cl"),
        ("", " F1 ", "LIG", "F"),
        ("", "C10A", "LIG", "C"),
        # Nothing.
        ("X", " UNK", "UNX", "?"),
        ("", "XE1 ", "GLX", "?"),
        ("", " XD1", "ASX", "?"),
        ("", " BB ", "ALA", "?"),
        ("", " SC1", "LYS", "?"),
        ("", " W  ", "W", "?"),
        ("", " D2A", "POPC", "?"),
    ],
)
def test_one_atom(given, name, residue, wanted):
    assert symbols((given, name, residue)) == [wanted]


def test_names_from_column_13_on_tell_nothing_by_their_columns():
    rows = [("", "N   ", "ALA"), ("", "CD  ", "LIG"), ("", "HG1 ", "LIG"), ("", "CL1 ", "LIG")]
    assert symbols(*rows) == ["N", "C", "H", "Cl"]
    assert symbols(rows[1]) == ["Cd"]
    # A ligand alone, where the others are in their columns.
    rows = [("", " N  ", "ALA"), ("", "C1  ", "LIG"), ("", "CD  ", "LIG"), ("", "CD  ", "OTH")]
    assert symbols(*rows) == ["N", "C", "C", "Cd"]


def test_unknown_atoms_weigh_as_carbon_and_a_column_may_contradict():
    given, names, residues = np.array([["X", "UNK", "UNX"], ["CA", "CA", "ALA"]]).T
    found = elements_of(given, names, residues, columns=False)
    np.testing.assert_allclose(found.masses, [12.011, 40.078], atol=0.001)
    assert found.symbols.tolist() == ["C", "Ca"]
    assert found.unknown.tolist() == [True, False]
    assert found.contradicted.tolist() == [False, True]


SITES = """
    DUM,N, DUM,O, MEM,THKN,X MEM,CNTR, EMB,MPCT,X VRT,ORIG,X VRT,Y, PRO,NV,X ALA,V1,
    LIG,LP1A, LIG,EP,EP LIG,EP1, LIG,Q1,XP LIG,XX,Xx LIG,DU,Du TP4,M, SOL,MW, HOH,EPW, SWM4,OM,
    SWM4,DOH2, TIP5,LP2, ALA,MCB1, LYS,MNZ1, DRU,DCA, DRU,DN, DRU,DO, SOD,DSOD,
"""
MATTER = """
    DRU,CA, DRU,N, DRU,O, SOD,SOD, SWM4,OH2, HOH,D1, HOH,O, SOL,HW1, TP4,2H, UNX,X,X UNX,UNK,X
    DC,C5', DC,O5', DC,DO5', DC,D1', LIG,V,V LIG,MN1,MN LIG,EP1,C MEM,C1,C MN,MN, GLX,XE1,X
    ALA,D, ALA,DA, LIG,DC1,D LIG,DC2, LIG,XE1, LYS,SC1, W,W, PW,WP,
"""


def test_what_marks_a_place_or_a_charge_is_no_matter():
    words = [word.split(",") for word in (SITES + MATTER).split()]
    residues, names, given = (np.array(column) for column in zip(*words, strict=True))
    found = virtual_sites(given, names, residues)
    n = len(SITES.split())
    assert [word for word, site in zip(words[:n], found[:n], strict=True) if not site] == []
    assert [word for word, site in zip(words[n:], found[n:], strict=True) if site] == []


def test_beads_of_water_are_water_and_tungsten_is_not():
    given, residues = np.array(["", "", "W", "O", ""]), np.array(["W", "PW", "W", "HOH", "WAL"])
    assert waters(given, residues).tolist() == [True, True, False, True, False]
