"""Settings of the packing's algorithms: to a table and back, and what they refuse."""

import pytest

from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.packing import ClashRemoval, Insertion, Placement


@pytest.mark.parametrize(
    "value",
    [
        Placement(),
        Placement(extent=(1, 2, 3), grow=False),
        Insertion(),
        Insertion(spacing=0.8),
        ClashRemoval(),
        ClashRemoval(closest=0.2, max_steps=0),
    ],
)
def test_settings_go_to_a_table_and_back(value):
    assert from_table(type(value), to_table(value)) == value


@pytest.mark.parametrize(
    ("cls", "table", "message"),
    [
        (Placement, {"extent": -5.0}, "extent: wanted a number or a list of 3 numbers > 0, got -5"),
        (Placement, {"extent": (1.0, 0.0, 1.0)}, "extent: wanted .* > 0, got 0"),
        (Insertion, {"spacing": 0.0}, "spacing: wanted a number > 0, got 0"),
        (ClashRemoval, {"distance": -0.1}, "distance: wanted a number > 0, got -0.1"),
        (ClashRemoval, {"closest": 0.0}, "closest: wanted a number > 0, got 0"),
        (ClashRemoval, {"max_steps": -1}, "max_steps: wanted a whole number >= 0, got -1"),
        (ClashRemoval, {"closest": 0.3}, "closest: wanted at most the distance 0.28, got 0.3"),
        (ClashRemoval, {"distance": 0.2}, "closest: wanted at most the distance 0.2, got 0.25"),
    ],
)
def test_settings_refuse_the_same_from_python_and_from_a_table(cls, table, message):
    with pytest.raises(ValueError, match=message):
        cls(**table)
    with pytest.raises(ValueError, match=message):
        from_table(cls, table)
