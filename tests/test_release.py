"""What is published: the archive of the sources, the metadata, and the pages beside the code."""

import email
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)]+)\)")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the metadata and the files of the archive, as setuptools sees them."""
    folder = tmp_path_factory.mktemp("egg")
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    egg = folder / "openmm_cgpack.egg-info"
    metadata = email.message_from_string((egg / "PKG-INFO").read_text(encoding="utf-8"))
    return metadata, set((egg / "SOURCES.txt").read_text(encoding="utf-8").split("\n"))


@pytest.fixture(scope="module")
def setup_file():
    spec = importlib.util.spec_from_file_location("setup_file", REPOSITORY / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_archive_holds_every_file_of_the_repository(built):
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is not the repository")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    there = {path for path in listed.stdout.split("\0") if path and (REPOSITORY / path).exists()}
    assert there - built[1] == set()


def test_the_archive_holds_nothing_that_was_made(built):
    made = ("__pycache__", "docs/_build", "docs/api", "docs/gallery", ".pyc", ".partial-")
    assert [path for path in built[1] if any(part in path for part in made)] == []


def test_the_version_stands_in_one_place(built):
    version = built[0]["Version"]
    changes = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\S+)", changes, re.MULTILINE)[0] in (version, "Unreleased")
    for path in ("pyproject.toml", "setup.py", "CITATION.cff", "README.md", "docs/conf.py"):
        assert version not in (REPOSITORY / path).read_text(encoding="utf-8")


def test_the_metadata_are_those_of_an_index(built):
    metadata, _ = built
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Description-Content-Type"] == "text/markdown"
    text = metadata.get_payload()
    assert text.startswith("# openmm_cgpack")
    assert all(re.match("https?://|#", target) for target in LINK.findall(text))


def test_the_citation_names_the_article_that_the_metadata_name(built):
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    (article,) = citation["references"]
    assert f"Method, https://doi.org/{article['doi']}" in built[0].get_all("Project-URL")
    assert article["doi"] in README
    assert article["title"] in re.sub(r"\s+", " ", README)


def test_links_of_the_pages_beside_the_code_lead_somewhere():
    for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        for target in LINK.findall((REPOSITORY / page).read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (REPOSITORY / target.partition("#")[0]).exists(), (page, target)


def test_an_index_is_led_to_the_files_of_the_version_or_nowhere(setup_file):
    page = "# A\n\n![a picture](docs/a.png)\nof *it*\n\nSee [b](docs/b.md#c), [d](#e), [f](http://g).\n"
    text = setup_file.index_text(page, source="https://forge.org/us/it", version="9.9")
    assert "![a picture](https://forge.org/us/it/raw/v9.9/docs/a.png)" in text
    assert "[b](https://forge.org/us/it/blob/v9.9/docs/b.md#c), [d](#e), [f](http://g)." in text
    assert setup_file.index_text(page, source=None, version="9.9") == (
        "# A\n\nSee b, [d](#e), [f](http://g).\n"
    )
