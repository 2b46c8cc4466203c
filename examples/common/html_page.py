"""One HTML page with everything: no other file, no network."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from html import escape

from .section import Finding, Picture, Section, Table

TITLE = "The paper's experiments, run again"

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
       max-width: 78rem; padding: 1.5rem 1.5rem 4rem; }
h1 { font-size: 1.8rem; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 .5rem; padding-top: .8rem; border-top: 2px solid #222; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0; max-width: 60rem; }
nav a { margin-right: 1rem; }
table { border-collapse: collapse; font-size: .88rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd;
         vertical-align: top; }
th { border-bottom: 1px solid #222; font-weight: 600; }
table.numbers td + td, table.numbers th + th { text-align: right; padding: .2rem 0 .2rem .9rem; }
table.findings { width: 100%; table-layout: fixed; }
table.findings th:first-child { width: 33%; }
table.findings th:last-child { width: 11rem; }
.wide { overflow-x: auto; }
.pair { display: grid; grid-template-columns: minmax(0, 3fr) minmax(14rem, 1fr); gap: 0 1.5rem;
        margin: 1.4rem 0; align-items: start; break-inside: avoid; }
.pair img { width: 100%; height: auto; display: block; }
.pair img.small { width: auto; max-width: 100%; }
.side { font-size: .9rem; }
.side h4 { margin: 0; font-size: .78rem; text-transform: uppercase; letter-spacing: .05em;
           color: #666; }
.side p { margin: .1rem 0 .9rem; }
.verdict { font-weight: 600; white-space: nowrap; }
.holds { color: #1d6b3a; } .part { color: #8a5a00; } .not { color: #a52020; }
.open { color: #555; }
@media (max-width: 50rem) { .pair { grid-template-columns: 1fr; } }
"""

_CLASSES = {
    "holds": "holds",
    "holds in part": "part",
    "does not hold": "not",
    "cannot be compared": "open",
}


def report_html(sections: Sequence[Section], *, made_by: str) -> str:
    """Return the report as HTML that needs no other file; `made_by` is its command and versions.

    Examples
    --------
    >>> section = Section(number=9, title="Nothing", skipped="not today")
    >>> "not today" in report_html([section], made_by="a test")
    True
    """
    links = "".join(f'<a href="#e{s.number}">{s.number}. {escape(s.title)}</a> ' for s in sections)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(TITLE)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(TITLE)}</h1>",
        "<p>Liu et al. 2020, <i>A unified framework for packing deformable and non-deformable "
        "subcellular structures in crowded cryo-electron tomogram simulation</i>, BMC "
        "Bioinformatics 21, 399. Each figure and table stands beside what the paper reports; a "
        "verdict follows from the numbers of this run.</p>",
        f"<p>{escape(made_by)}</p>",
        f"<nav>{links}</nav>",
        _summary(sections),
        *(_section(section) for section in sections),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def findings_markdown(sections: Sequence[Section]) -> str:
    """Return the findings and tables as Markdown, for the docs."""
    parts = []
    for s in sections:
        parts.append(f"## {s.number}. {s.title}")
        if s.skipped:
            parts.append(f"Not run: {s.skipped}.")
            continue
        parts += [s.setup, s.replaced, s.verdicts().markdown()]
        for table in s.tables:
            parts += [table.caption, table.markdown()]
    return "\n\n".join(parts) + "\n"


def _summary(sections: Sequence[Section]) -> str:
    counts: Counter[str] = Counter(f.verdict for s in sections for f in s.findings)
    words = [f"“{verdict}”: {counts[verdict]}" for verdict in _CLASSES if counts[verdict]]
    if not words:
        return ""
    total = sum(counts.values())
    return f"<p>Verdicts on {total} sentences of the paper: {', '.join(words)}.</p>"


def _section(section: Section) -> str:
    parts = [f'<h2 id="e{section.number}">{section.number}. {escape(section.title)}</h2>']
    if section.skipped:
        return "\n".join([*parts, f"<p>Not run: {escape(section.skipped)}.</p>"])
    parts.append(f"<p>{escape(section.setup)}</p>")
    parts.append(f"<p><b>Molecules.</b> {escape(section.replaced)}</p>")
    if section.findings:
        parts.append(_findings(section.findings))
    parts += [_picture(picture) for picture in section.pictures]
    parts += [_table(table) for table in section.tables]
    return "\n".join(parts)


def _findings(findings: Sequence[Finding]) -> str:
    rows = "".join(
        f"<tr><td>{escape(f.paper)}</td><td>{escape(f.here)}</td>"
        f'<td class="verdict {_CLASSES[f.verdict]}">{f.verdict}</td></tr>'
        for f in findings
    )
    head = "<tr><th>The paper</th><th>Here</th><th>Verdict</th></tr>"
    return f'<table class="findings">{head}{rows}</table>'


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.png).decode("ascii")
    width = int.from_bytes(picture.png[16:20], "big")
    kind = ' class="small"' if width < 900 else ""
    return (
        f'<div class="pair"><img{kind} src="data:image/png;base64,{data}" '
        f'alt="{escape(picture.caption, quote=True)}">{_side(picture.paper, picture.caption)}</div>'
    )


def _table(table: Table) -> str:
    side = _side(table.paper, table.caption)
    return f'<div class="pair"><div class="wide">{table.html()}</div>{side}</div>'


def _side(paper: str, caption: str) -> str:
    said = f"<h4>The paper</h4><p>{escape(paper)}</p>" if paper else ""
    return f'<div class="side">{said}<h4>Here</h4><p>{escape(caption)}</p></div>'
