"""What an experiment reports: findings, tables and pictures, each beside what the paper says."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Verdict = Literal["holds", "holds in part", "does not hold", "cannot be compared"]
"""How a sentence of the paper stands to what was measured here."""

_DPI = 110


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A sentence of the paper, what was measured, and whether the sentence holds."""

    paper: str
    here: str
    verdict: Verdict

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"verdict: wanted one of {get_args(Verdict)}, got {self.verdict!r}")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of texts with its caption, and what the paper reports of this."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    paper: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.head):
                raise ValueError(
                    f"table: wanted {len(self.head)} cells a row, got {len(row)} in row {number}"
                )

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [self.head, ("---",) * len(self.head), *self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def html(self, kind: str = "numbers") -> str:
        """Return the table as HTML of a class."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        return f'<table class="{kind}"><tr>{head}</tr>{rows}</table>'

    def _repr_html_(self) -> str:
        return f"{self.html()}<p>{escape(self.caption)}</p>"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG file with its caption, and what the paper shows in its place."""

    caption: str
    png: bytes
    paper: str = ""

    def __post_init__(self) -> None:
        if self.png[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError("png: wanted the bytes of a PNG file")


@dataclass(kw_only=True)
class Section:
    """One experiment; an example adds to it what it finds, in the order of the report."""

    number: int
    title: str
    setup: str = ""  # what was run: sizes, seeds, forces
    replaced: str = ""  # which of the paper's molecules were replaced, by what
    skipped: str = ""  # why the experiment was not run
    findings: list[Finding] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def add_finding(self, *, paper: str, here: str, verdict: Verdict) -> None:
        """Add a sentence of the paper beside what was measured."""
        self.findings.append(Finding(paper=paper, here=here, verdict=verdict))

    def add_table(
        self, head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, paper: str
    ) -> Table:
        """Add a table, and return it for the gallery to show."""
        cells = tuple(tuple(row) for row in rows)
        self.tables.append(Table(caption=caption, head=tuple(head), rows=cells, paper=paper))
        return self.tables[-1]

    def add_picture(self, figure: Figure, *, caption: str, paper: str = "") -> Figure:
        """Add a figure as it is now, and return it for the gallery to show."""
        self.pictures.append(Picture(caption=caption, png=png_of(figure), paper=paper))
        return figure

    def verdicts(self) -> Table:
        """Return the findings as a table."""
        rows = tuple((f.paper, f.here, f.verdict) for f in self.findings)
        return Table(caption=self.replaced, head=("the paper", "here", "verdict"), rows=rows)


def png_of(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file, equal ones for equal figures."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def judge(*checks: bool) -> Verdict:
    """Return "holds" where all checks are true, "does not hold" where none is.

    Examples
    --------
    >>> judge(True, True), judge(True, False), judge(False)
    ('holds', 'holds in part', 'does not hold')
    """
    if all(checks):
        return "holds"
    return "holds in part" if any(checks) else "does not hold"
