"""One order of what tells an element: the column, the residue, the name."""

import numpy as np
import pytest

from openmm_cgpack.structures.elements import elements_of


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
