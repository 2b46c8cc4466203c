"""Small coordinate files for the tests."""


def record(
    serial, atom, residue, chain, number, xyz, *, kind="ATOM", location=" ", element="C", icode=" "
):
    """Return one ATOM or HETATM record; `atom` has four characters, columns 13 to 16."""
    x, y, z = xyz
    return (
        f"{kind:<6}{serial:5d} {atom:4}{location}{residue:>3} {chain}{number:4d}{icode}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {element:>2}"
    )


MIXED = "\n".join(
    [
        "MODEL        1",
        record(1, " N  ", "ALA", "A", 1, (0, 0, 0), element="N"),
        record(2, " CA ", "ALA", "A", 1, (1, 2, 0), location="A"),
        record(3, " CA ", "ALA", "A", 1, (1, 3, 0), location="B"),
        record(4, " H  ", "ALA", "A", 1, (0, 0, 1), element="H"),
        record(5, " D1 ", "ALA", "A", 1, (0, 0, 2), element="D"),
        record(6, " CA ", "SER", "A", 2, (4, 0, 0), location="A"),
        record(7, " OG ", "SER", "A", 2, (4, 1, 0), location="A", element="O"),
        record(8, " CA ", "THR", "A", 2, (4, 0, 1), location="B"),
        record(9, " CG2", "THR", "A", 2, (4, 1, 1), location="B"),
        record(10, "ZN  ", " ZN", "A", 3, (7, 0, 0), kind="HETATM", element="ZN"),
        record(11, " O  ", "HOH", "A", 4, (9, 9, 9), kind="HETATM", element="O"),
        "ENDMDL",
        "MODEL        2",
        record(1, " N  ", "ALA", "A", 1, (50, 50, 50), element="N"),
        "ENDMDL",
        "END",
    ]
)
"""Two models, alternate locations of an atom and of a residue, hydrogens, an ion, a water."""

ROTATED = """\
REMARK 350
REMARK 350 BIOMOLECULE: 1
REMARK 350 APPLY THE FOLLOWING TO CHAINS: A
REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000
REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000
REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000
REMARK 350   BIOMT1   2  0.000000 -1.000000  0.000000       40.00000
REMARK 350   BIOMT2   2  1.000000  0.000000  0.000000        5.00000
REMARK 350   BIOMT3   2  0.000000  0.000000  1.000000        2.00000
REMARK 350
REMARK 350 BIOMOLECULE: 3
REMARK 350 APPLY THE FOLLOWING TO CHAINS: A
REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000
REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000
REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000
"""
"""Assembly 1 has a copy turned by 90 degrees about z and moved; assembly 3 is the file's atoms."""
