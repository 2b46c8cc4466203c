"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A landing must not hang on the luck of the draw; elsewhere hypothesis looks for new cases.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# PoCL, where it is installed, would become OpenMM's default platform.
os.environ.setdefault("OPENMM_DEFAULT_PLATFORM", "CPU")


@pytest.fixture
def plain_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for libraries that take paths of ASCII letters only, as mdtraj."""
    return tmp_path_factory.mktemp("plain")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Return a folder whose name has what libraries and formats trip over."""
    folder = tmp_path / "Mü l'ler #1; x"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the developers' folder of real structures and maps; users do not have it."""
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared" / "pdb").is_dir():
            return parent / "shared"
    pytest.skip("the developers' shared/ folder is not here")
