import numpy as np
import pytest

from openmm_cgpack.imaging import (
    ContrastTransfer,
    Detector,
    Illumination,
    Microscope,
    Projection,
    RadiationDamage,
    TiltScheme,
    acquire,
)
from openmm_cgpack.imaging.losses import mean_free_path

from .conftest import as_volume, smooth


def in_order_of_time(scheme):
    return scheme.degrees[np.argsort(scheme.acquired)].tolist()


@pytest.mark.parametrize(
    ("settings", "sequence"),
    [
        ({"order": "dose_symmetric"}, [0, 3, -3, 6, -6, 9, -9]),
        ({"order": "dose_symmetric", "group": 2}, [0, 3, 6, -3, -6, 9, -9]),
        ({"order": "bidirectional"}, [0, 3, 6, 9, -3, -6, -9]),
        ({"order": "ascending"}, [-9, -6, -3, 0, 3, 6, 9]),
        ({"order": "descending"}, [9, 6, 3, 0, -3, -6, -9]),
    ],
)
def test_orders_by_hand(settings, sequence):
    scheme = TiltScheme(tilt_min_deg=-9, tilt_max_deg=9, tilt_step_deg=3, **settings)
    assert in_order_of_time(scheme) == sequence


def test_a_lopsided_range_runs_out_on_one_side():
    scheme = TiltScheme(tilt_min_deg=-6, tilt_max_deg=12, tilt_step_deg=3)
    assert in_order_of_time(scheme) == [0, 3, -3, 6, -6, 9, 12]


def test_dose_adds_up_and_is_counted_in_the_order_of_time():
    scheme = TiltScheme(total_dose_e_per_a2=123.0)
    assert len(scheme) == 41
    assert scheme.dose.sum() == pytest.approx(123.0)
    assert scheme.dose_before[scheme.degrees == 0] == 0
    assert scheme.dose_before[scheme.degrees == -60] == pytest.approx(123.0 * 40 / 41)
    assert np.diff(scheme.dose_before[20:]).min() > 0


@pytest.mark.parametrize(("step", "last"), [(2.0, 90.0), (7.0, 85.0), (0.1, 90.0)])
def test_up_to_ninety_degrees(step, last):
    degrees = TiltScheme(tilt_min_deg=-90, tilt_max_deg=90, tilt_step_deg=step).degrees
    assert degrees[0] == -90
    assert degrees[-1] == pytest.approx(last)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tilt_max_deg": 91}, "tilt_max_deg: wanted a number >= -90 and <= 90, got 91"),
        ({"tilt_min_deg": 61}, "tilt_min_deg, tilt_max_deg: wanted tilt_min_deg <= tilt_max_deg"),
        ({"tilt_step_deg": 0}, "tilt_step_deg: wanted a number > 0, got 0"),
        ({"order": "random"}, 'order: wanted "dose_symmetric" or "bidirectional"'),
        ({"group": 0}, "group: wanted a whole number >= 1, got 0"),
        ({"order": "ascending", "group": 2}, 'group: means nothing with order = "ascending"'),
        ({"total_dose_e_per_a2": -1}, "total_dose_e_per_a2: wanted a number > 0, got -1"),
    ],
)
def test_bad_schemes(change, message):
    with pytest.raises(ValueError, match=message):
        TiltScheme(**change)


def test_one_voltage_reaches_all_that_depends_on_it():
    fast, slow = Microscope(), Microscope(voltage_kv=100)
    assert slow.optics(np.zeros(2)).voltage_kv == 100
    volume = smooth(as_volume(np.zeros((20, 16, 16))))
    taken = [
        acquire(volume, scope, noise=False, seed=0).images[20].mean() for scope in (fast, slow)
    ]
    # The mean free path in ice goes with the square of the electrons' speed.
    paths = np.array([mean_free_path("inelastic", kv) for kv in (300.0, 100.0)])
    assert paths[1] / paths[0] == pytest.approx(0.3005 / 0.6030, rel=1e-3)
    expected = np.exp(-20 / paths)
    assert taken[1] / taken[0] == pytest.approx(expected[1] / expected[0], rel=1e-5)
    k = np.array([1.0])
    damage = [RadiationDamage().critical_dose(k, voltage_kv=kv)[0] for kv in (300.0, 200.0)]
    assert damage[1] / damage[0] == pytest.approx(0.8, abs=0.005)
    assert RadiationDamage(scale=0.5).critical_dose(k, voltage_kv=200.0) == 0.5 * damage[0]


def test_there_is_no_other_voltage():
    for part in (Projection, ContrastTransfer, RadiationDamage, Illumination, Detector):
        assert "voltage_kv" not in part.__dataclass_fields__
