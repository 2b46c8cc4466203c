from dataclasses import replace

import numpy as np
import pytest

from openmm_cgpack.core import TiltOptics, TiltSeries
from openmm_cgpack.core.tilts import dose_before


def optics(t):
    """Return the optics of some tilts."""
    return TiltOptics(
        defocus_um=np.ones((t, 2)),
        astigmatism_angle=np.zeros(t),
        phase_shift=np.zeros(t),
        voltage_kv=300.0,
        cs_mm=2.7,
        amplitude_contrast=0.07,
        hand=-1,
    )


def series(**changes):
    values = {
        "images": np.ones((3, 4, 5)),
        "angles": [-0.1, 0.0, 0.1],
        "pixel_size": 1.0,
        "dose_e_per_a2": [1.0, 2.0, 4.0],
    }
    return TiltSeries(**(values | changes))


def test_dose_before_each_image_by_hand():
    assert dose_before(np.array([1.0, 2.0, 4.0]), np.array([1, 2, 0])).tolist() == [4, 5, 0]
    assert series(order=[2, 0, 1]).pre_dose_e_per_a2.tolist() == [6, 0, 2]
    assert series().pre_dose_e_per_a2.tolist() == [0, 1, 3]


def test_it_is_frozen_and_has_defaults():
    one = series()
    assert len(one) == 3
    assert one.shifts.shape == (3, 2)
    assert one.images.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        one.images[0] = 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"angles": [0.0, 0.1]}, r"tilt series: angles: wanted shape \(3\), got \(2,\)"),
        ({"angles": [0.0, 0.2, 0.1]}, "tilt series: angles: wanted ascending angles"),
        ({"order": [0, 0, 1]}, "tilt series: order: wanted each of 0 to 2 once"),
        ({"pixel_size": 0}, "tilt series: pixel_size: wanted a positive number, got 0"),
        ({"shifts": np.ones((2, 2))}, r"tilt series: shifts: wanted shape \(3, 2\)"),
        (
            {"optics": optics(2)},
            "tilt series: optics: wanted 3 tilts, got 2",
        ),
    ],
)
def test_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        series(**change)


def test_hand():
    with pytest.raises(ValueError, match="optics: hand: wanted -1 or 1, got 0"):
        replace(optics(2), hand=0)
