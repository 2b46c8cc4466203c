"""Makes the text that a package index shows; all other metadata is in setup.cfg.

An index shows the README alone: no file is beside it, and pictures come from the web. So links into
the repository lead to where it is published, the ``Source`` of ``project_urls``. As long as it has
none, a link is its text and a picture is left out.
"""

import configparser
import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent

# A link or a picture of Markdown whose target is neither on the web nor on the page itself.
_INTO_REPOSITORY = re.compile(
    r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?![a-z]+:|#)(?P<path>[^)]+)\)"
)


def index_text(readme: str, *, source: str | None, version: str) -> str:
    """Return a README for an index: links into the repository lead to a version's files there.

    Pictures stand in paragraphs of their own, which are left out without a source.
    """

    def elsewhere(link: re.Match[str]) -> str:
        if source is None:
            return link["text"]
        folder = "raw" if link["picture"] else "blob"
        return f"{link['picture']}[{link['text']}]({source}/{folder}/v{version}/{link['path']})"

    paragraphs = readme.split("\n\n")
    if source is None:
        paragraphs = [text for text in paragraphs if not text.startswith("![")]
    return _INTO_REPOSITORY.sub(elsewhere, "\n\n".join(paragraphs))


def _index_text() -> str:
    """Return the README of this folder for an index."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(HERE / "setup.cfg", encoding="utf-8")
    metadata = config["metadata"]
    lines = metadata["project_urls"].split("\n")
    urls = {name.strip(): url.strip() for name, _, url in (line.partition("=") for line in lines)}
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    return index_text(readme, source=urls.get("Source"), version=metadata["version"])


if __name__ == "__main__":
    setup(long_description=_index_text())
