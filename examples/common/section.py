"""What an experiment returns: findings, tables and pictures, each beside what the paper says."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Verdict = Literal["holds", "holds in part", "does not hold", "cannot be compared"]
"""How a sentence of the paper stands to what was measured here."""

_DPI = 110


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A sentence of the paper beside what was measured.

    Parameters
    ----------
    paper : str
        What the paper reports.
    here : str
        What was found, in words made from numbers.
    verdict : {"holds", "holds in part", "does not hold", "cannot be compared"}
        Whether it holds, decided from the numbers.
    """

    paper: str
    here: str
    verdict: Verdict

    def __post_init__(self) -> None:
        if self.verdict not in get_args(Verdict):
            raise ValueError(f"verdict: wanted one of {get_args(Verdict)}, got {self.verdict!r}")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of texts.

    Parameters
    ----------
    caption : str
        What it shows.
    head : tuple of str
        Heads of the columns.
    rows : tuple of tuples of str
        As many texts a row as there are columns.
    paper : str, optional
        What the paper reports of this.
    """

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


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture.

    Parameters
    ----------
    caption : str
        What it shows.
    png : bytes
        The file.
    paper : str, optional
        What the paper shows in its place.
    """

    caption: str
    png: bytes
    paper: str = ""

    def __post_init__(self) -> None:
        if self.png[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError("png: wanted the bytes of a PNG file")


@dataclass(frozen=True, kw_only=True)
class Section:
    """One experiment: what the paper reports and what was found.

    Parameters
    ----------
    number : int
        Number of the experiment.
    title : str
        Its title.
    setup : str
        What was run: sizes, seeds, forces.
    replaced : str
        Which of the paper's molecules were replaced, by what.
    findings : tuple of Finding
        The paper's sentences beside what was measured.
    tables : tuple of Table, optional
        Tables.
    pictures : tuple of Picture, optional
        Pictures.
    skipped : str, optional
        Why the experiment was not run; empty where it was.
    """

    number: int
    title: str
    setup: str
    replaced: str
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...] = ()
    pictures: tuple[Picture, ...] = ()
    skipped: str = ""


def png_of(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.

    Returns
    -------
    bytes
        The same figure gives the same bytes with the same version of matplotlib.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def judge(*checks: bool) -> Verdict:
    """Return "holds" where all checks are true, "does not hold" where none is.

    Parameters
    ----------
    *checks : bool
        Parts of a sentence.

    Returns
    -------
    str

    Examples
    --------
    >>> judge(True, True), judge(True, False), judge(False)
    ('holds', 'holds in part', 'does not hold')
    """
    if all(checks):
        return "holds"
    return "holds in part" if any(checks) else "does not hold"
