"""The examples in the docstrings of what the examples share."""

import doctest
import importlib
import pkgutil

import common
import pytest


@pytest.mark.parametrize("module", [m.name for m in pkgutil.iter_modules(common.__path__)])
def test_docstrings_run(module):
    loaded = importlib.import_module(f"common.{module}")
    assert doctest.testmod(loaded, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
