import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from common.html_page import findings_markdown, report_html
from common.paper_types import (
    PAPER_TYPES,
    paper_types,
    replacements,
    structures_of,
)
from common.section import Finding, Picture, Section, Table, judge, png_of
from common.settings import EXPERIMENTS, Settings, current_settings, run_experiment

from openmm_cgpack import Run
from openmm_cgpack.draw.style import blank_figure
from openmm_cgpack.structures import library


@pytest.fixture(scope="module")
def png():
    return png_of(blank_figure((1.0, 1.0)))


@pytest.fixture
def section():
    section = Section(number=3, title="Balls & <sticks>", setup="two balls", replaced="none")
    section.add_finding(paper="a < b", here="3 > 2", verdict="holds in part")
    section.add_table(("x", "y"), [("1", "2")], caption="numbers", paper="none")
    section.add_picture(blank_figure((1.0, 1.0)), caption='a "picture"', paper="figure 1")
    return section


class Page(HTMLParser):
    """Collects what a page refers to, and whether its tags close."""

    VOID = ("meta", "img")

    def __init__(self):
        super().__init__()
        self.open, self.links, self.images, self.text = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.links += [values[key] for key in ("href", "src") if key in values]
        if tag == "img":
            self.images.append(values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def test_the_page_is_whole_and_needs_nothing_else(section, png):
    text = report_html([section], made_by="a <test>")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in page.links)
    assert not re.search(r"https?://|@import|url\(", text)
    (image,) = page.images
    assert base64.b64decode(image["src"].split(",", 1)[1]) == png
    assert image["alt"] == 'a "picture"'
    for words in ("Balls & <sticks>", "a < b", "3 > 2", "holds in part", "figure 1", "a <test>"):
        assert words in page.text


def test_a_section_that_was_skipped_says_why():
    skipped = Section(number=7, title="t", skipped="torch is missing")
    assert "torch is missing" in report_html([skipped], made_by="")
    assert "Not run: torch is missing." in findings_markdown([skipped])


def test_markdown_holds_findings_and_tables(section):
    text = findings_markdown([section])
    assert "| a < b | 3 > 2 | holds in part |" in text
    assert "| x | y |\n| --- | --- |\n| 1 | 2 |" in text


def test_bad_parts_are_refused():
    with pytest.raises(ValueError, match="verdict: wanted one of"):
        Finding(paper="", here="", verdict="perhaps")
    with pytest.raises(ValueError, match="wanted 2 cells a row, got 1 in row 0"):
        Table(caption="", head=("a", "b"), rows=(("1",),))
    with pytest.raises(ValueError, match="png: wanted the bytes of a PNG"):
        Picture(caption="", png=b"GIF89a")


def test_judgement_counts_its_parts():
    assert judge(True, True) == "holds"
    assert judge(np.bool_(False), True) == "holds in part"
    assert judge(False, False) == "does not hold"


def test_the_twenty_types_are_those_of_the_library_and_replacements_are_told():
    assert len(PAPER_TYPES) == len({t.species for t in PAPER_TYPES}) == 20
    assert all(t.species in library for t in PAPER_TYPES)
    text = replacements(PAPER_TYPES)
    for t in PAPER_TYPES:
        assert t.pdb_id in text
        assert (f"{t.pdb_id} ({t.molecule}) by {t.species.upper()}" in text) == t.replaced
    with pytest.raises(ValueError, match="the paper has no type '9XYZ'"):
        paper_types("9XYZ")


def test_a_folder_of_structures_gives_every_atom(shared):
    (full,), (points,) = (
        structures_of(paper_types("2GHO"), folder) for folder in (shared / "pdb", None)
    )
    assert len(full.positions) == full.n_atoms == points.n_atoms > len(points.positions)


def test_files_that_a_folder_lacks_come_from_the_library(tmp_path):
    (points,) = structures_of(paper_types("2REC"), tmp_path)
    assert points.source.startswith("library:3hhb")


def test_segmentation_is_skipped_without_torch(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    section = run_experiment(7, Settings())
    assert section.title == "Segmentation by a fully convolutional network"
    assert section.skipped == "torch is not installed"
    assert section.findings == []


def test_every_experiment_has_its_example():
    assert sorted(EXPERIMENTS) == list(range(1, 8))


def test_an_example_alone_takes_its_settings_from_the_environment(monkeypatch):
    monkeypatch.delenv("CGPACK_EXAMPLE_SIZE", raising=False)
    monkeypatch.setenv("CGPACK_STRUCTURES", "files")
    assert current_settings() == Settings(structures="files")
    monkeypatch.setenv("CGPACK_EXAMPLE_SIZE", "full")
    assert current_settings().full
    monkeypatch.setenv("CGPACK_EXAMPLE_SIZE", "huge")
    with pytest.raises(ValueError, match="wanted small or full, got 'huge'"):
        current_settings()


@pytest.mark.slow
@pytest.mark.parametrize("number", [3, 4, 5])
def test_experiments_find_what_the_paper_says(number):
    section = run_experiment(number, Settings(run=Run(platform="CPU", threads=1)))
    assert section.number == number
    assert section.pictures
    assert section.tables
    verdicts = {finding.paper: finding.verdict for finding in section.findings}
    assert set(verdicts.values()) <= {"holds", "holds in part"}
    # Molecules move together, both deformables bend, no bond is stretched.
    first = {3: "Five macromolecules move", 4: "Structures gather", 5: "The angle between"}[number]
    assert [v for k, v in verdicts.items() if k.startswith(first)] == ["holds"]
