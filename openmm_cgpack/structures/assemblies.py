"""Biological assemblies: which chains, moved by which operators."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from ..core.display import described
from ..core.runtime import StructureError
from ..core.structure import AtomicStructure
from .atom_records import AtomRecords, Category

if TYPE_CHECKING:
    import gemmi

_NM_PER_ANGSTROM = 0.1
_SAME_PLACE = 0.02
"""Copies of an atom nearer than this are one that symmetry puts on itself, nm."""
_MOST_ATOMS = 50_000_000
_MOST_COPIES = 100_000


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


@described
@dataclass(frozen=True)
class Generator:
    """Chains, and the operators that each give one copy of them: 4x4 matrices, nm."""

    chains: frozenset[str]
    operators: list[np.ndarray]


def pdb_assemblies(path: Path, text: str) -> dict[str, list[Generator]]:
    """Return the generators of each assembly of a PDB file, from its REMARK 350."""
    import gemmi

    lines = re.findall("^REMARK 350.*", text, re.MULTILINE)
    rows = ""
    for i, line in enumerate(lines):
        # Not where the words "BIOMT transformations" stand.
        if row := re.match("REMARK 350 +BIOMT([123])", line):
            lines[i] = _operator_row(path, line)
            rows += row[1]
    if rows != "123" * (len(rows) // 3):
        raise StructureError(f"{path}: REMARK 350: wanted BIOMT1, BIOMT2 and BIOMT3 in turns")
    try:
        assemblies = gemmi.read_pdb_string("\n".join(lines)).assemblies
    except (ValueError, RuntimeError) as error:
        raise StructureError(f"{path}: REMARK 350: {str(error).splitlines()[0]}") from None
    return {
        assembly.name: [
            Generator(
                frozenset(generator.chains),
                [
                    _matrix(operator.transform.mat.tolist(), operator.transform.vec.tolist())
                    for operator in generator.operators
                ],
            )
            for generator in assembly.generators
        ]
        for assembly in assemblies
    }


def _operator_row(path: Path, line: str) -> str:
    """Return a BIOMT line in ASCII: gemmi counts columns in bytes, and takes any word as 0."""
    ends = (23, 33, 43, 53, 68)
    try:
        numbers = [float(line[start:end]) for start, end in itertools.pairwise(ends)]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise StructureError(
            f"{path}: REMARK 350: wanted four numbers in columns 24-68, got {_quoted(line[:68])}"
        )
    return line.encode("ascii", "replace").decode()


def mmcif_assemblies(path: Path, block: gemmi.cif.Block) -> dict[str, list[Generator]]:
    """Return the generators of each assembly of an mmCIF file.

    Whatever the assembly is called, and whatever its details say.
    """
    table = Category(path, block, "_pdbx_struct_assembly_gen.")
    if not len(table):
        return {}
    operators = _operators(path, block)
    assemblies: dict[str, list[Generator]] = {}
    for name, expression, chains in zip(
        table.column("assembly_id"),
        table.column("oper_expression"),
        table.column("asym_id_list"),
        strict=True,
    ):
        try:
            products = operator_products(expression, operators)
            if not products:
                raise ValueError("names no operator")
            for one in itertools.chain.from_iterable(products):
                if one not in operators:
                    raise ValueError(f"no operator {_quoted(one)} in _pdbx_struct_oper_list")
        except ValueError as error:
            raise StructureError(
                f"{path}: assembly {_quoted(name)}: _pdbx_struct_assembly_gen.oper_expression "
                f"{_quoted(expression)}: {error}"
            ) from None
        generator = Generator(
            frozenset(re.split(r"[,\s]+", chains.strip(", \n\t"))),
            [reduce(np.matmul, [operators[one] for one in product]) for product in products],
        )
        assemblies.setdefault(name, []).append(generator)
    return assemblies


def _operators(path: Path, block: gemmi.cif.Block) -> dict[str, np.ndarray]:
    table = Category(path, block, "_pdbx_struct_oper_list.")
    items = [f"matrix[{i}][{j}]" for i in (1, 2, 3) for j in (1, 2, 3)]
    items += [f"vector[{i}]" for i in (1, 2, 3)]
    names = table.column("id")
    try:
        numbers = np.array([table.column(item) for item in items], dtype=np.float64).T
    except ValueError:
        numbers = np.full((len(names), 12), np.nan)
    if not np.isfinite(numbers).all():
        raise StructureError(f"{path}: _pdbx_struct_oper_list: wanted finite numbers")
    return {
        name: _matrix(row[:9].reshape(3, 3), row[9:])
        for name, row in zip(names, numbers, strict=True)
    }


def operator_products(expression: str, known: dict[str, np.ndarray]) -> list[tuple[str, ...]]:
    """Return the operators' names that an expression stands for, those of a product together.

    Of a product, such as ``(X0)(1-60)``, the last is applied first. A list may hold products.

    Examples
    --------
    >>> operator_products("1,2,(P)(3-4)", {})
    [('1',), ('2',), ('P', '3'), ('P', '4')]
    >>> operator_products("(X0)(1-3,7)", {})
    [('X0', '1'), ('X0', '2'), ('X0', '3'), ('X0', '7')]
    """
    products: list[tuple[str, ...]] = []
    for term in re.findall(r"(?:\([^()]*\)|[^,()]+)+", re.sub(r"\s", "", expression)):
        factors = re.findall(r"\(([^()]*)\)|([^()]+)", term)
        lists = [_listed(inner or outer, known) for inner, outer in factors]
        if len(products) + math.prod(map(len, lists)) > _MOST_COPIES:
            raise ValueError(f"stands for more than {_MOST_COPIES} copies")
        products += itertools.product(*lists)
    return products


def _listed(text: str, known: dict[str, np.ndarray]) -> list[str]:
    names: list[str] = []
    for word in text.split(","):
        span = re.fullmatch(r"(\d+)-(\d+)", word)
        if span and word not in known:
            first, last = int(span[1]), int(span[2])
            # More than there are: the first that is missing is named in the message.
            last = min(last, first + max(len(known), 10_000))
            names += [str(i) for i in range(first, last + 1)]
        elif word:
            names.append(word)
    return names


def _matrix(rotation: list | np.ndarray, translation: list | np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = np.asarray(translation) * _NM_PER_ANGSTROM
    return matrix


def chosen(path: Path, assemblies: dict[str, list[Generator]], assembly: str) -> list[Generator]:
    """Return the generators of one assembly, or name those that there are."""
    if not assemblies:
        raise StructureError(
            f"{path}: assembly {_quoted(assembly)} asked for, but the file describes no assembly "
            "(REMARK 350 in PDB files, _pdbx_struct_assembly_gen in mmCIF)"
        )
    if assembly not in assemblies:
        there_are = ", ".join(map(_quoted, list(assemblies)[:20]))
        raise StructureError(f"{path}: no assembly {_quoted(assembly)}; the file has {there_are}")
    return assemblies[assembly]


def copies(
    path: Path, records: AtomRecords, generators: list[Generator]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the atoms of an assembly, copy by copy.

    Returns
    -------
    source : (m,) int array
        The record that each atom is a copy of.
    positions : (m, 3) array
        Where it lies, nm. Atoms that symmetry puts on themselves are there once.
    chain : (m,) str array
        Its chain, numbered by copies (A1, A2).
    """
    numbers: dict[bytes, int] = {}
    rows, positions, copy = [], [], []
    total = 0
    for generator in generators:
        inside = np.flatnonzero(np.isin(records.part, list(generator.chains)))
        total += len(inside) * len(generator.operators)
        if total > _MOST_ATOMS:
            raise StructureError(f"{path}: the assembly has more than {_MOST_ATOMS} atoms")
        for matrix in generator.operators:
            number = numbers.setdefault(matrix.tobytes(), len(numbers) + 1)
            rows.append(inside)
            positions.append(records.positions[inside] @ matrix[:3, :3].T + matrix[:3, 3])
            copy.append(np.full(len(inside), number))
    source, points, number_of = (np.concatenate(parts) for parts in (rows, positions, copy))
    unique = np.ones(len(points), dtype=bool)
    if len(points):
        pairs = cKDTree(points).query_pairs(_SAME_PLACE, output_type="ndarray")
        unique[pairs[source[pairs[:, 0]] == source[pairs[:, 1]]].max(axis=1, initial=-1)] = False
    chain = numbered_chains(records.chain[source], number_of)
    return source[unique], points[unique], chain[unique]


def numbered_chains(chain: np.ndarray, copy: np.ndarray) -> np.ndarray:
    """Return chains' names with the numbers of their copies, with a hyphen where A11 has two."""
    pairs = list(zip(chain.tolist(), copy.tolist(), strict=True))
    kinds = dict.fromkeys(pairs)
    joined = {f"{name}{number}" for name, number in kinds}
    hyphen = "" if len(joined) == len(kinds) else "-"
    names = {(name, number): f"{name}{hyphen}{number}" for name, number in kinds}
    return np.array([names[pair] for pair in pairs])


@described
@dataclass(frozen=True, kw_only=True)
class Turns:
    """An assembly that its file does not describe: chains, turned about an axis along z."""

    chains: tuple[str, ...]
    fold: int = 1
    """How many copies there are, the chains themselves among them; 1 chooses them from a file."""
    x: float = 0.0
    y: float = 0.0
    """Where the axis is in the file, nm."""

    def assembled(self, structure: AtomicStructure) -> AtomicStructure:
        """Return the assembly of a file's atoms; those on the axis are there once."""
        table = structure.atom_table
        assert table is not None
        assert structure.elements is not None
        ours = np.flatnonzero(np.isin(table["chain"], self.chains))
        axis = np.array([self.x, self.y, 0.0])
        places = structure.positions[ours] + structure.file_origin - axis
        angles = 2 * np.pi * np.arange(self.fold) / self.fold
        z = np.array([0.0, 0.0, 1.0])
        about_z = [
            np.array([[c, -s, 0], [s, c, 0], z])
            for c, s in zip(np.cos(angles), np.sin(angles), strict=True)
        ]
        positions = np.concatenate([places @ turn.T for turn in about_z]) + axis
        source, copy = np.tile(ours, self.fold), np.repeat(np.arange(self.fold), len(ours))
        off_axis = np.hypot(*places[:, :2].T) > _SAME_PLACE
        once = np.tile(off_axis, self.fold) | (copy == 0)
        source, positions, copy = source[once], positions[once], copy[once]
        chain = numbered_chains(table["chain"][source], copy + 1)
        columns = {name: table[name][source] for name in table.dtype.names or ()}
        columns |= {"chain": chain}
        copied = np.empty(len(source), [(name, column.dtype) for name, column in columns.items()])
        for name, column in columns.items():
            copied[name] = column
        masses = structure.masses[source]
        origin = np.average(positions, axis=0, weights=masses)
        return replace(
            structure,
            positions=positions - origin,
            masses=masses,
            atoms=structure.atoms[source],
            spread=structure.spread[source],
            elements=structure.elements[source],
            atom_table=copied,
            file_origin=origin,
        )
