"""A data set that several tests read."""

import pytest
from tiny_datasets import write_recipe

import openmm_cgpack as cgp


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Return a data set of three scenes; tests must not change it."""
    folder = tmp_path_factory.mktemp("datasets")
    return cgp.dataset(write_recipe(folder), 3, folder / "set", workers=0)
