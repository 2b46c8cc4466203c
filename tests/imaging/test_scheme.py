import numpy as np
import pytest

from openmm_cgpack.imaging import TiltScheme


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
    scheme = TiltScheme(tilt_min=-9, tilt_max=9, tilt_step=3, **settings)
    assert in_order_of_time(scheme) == sequence


def test_a_lopsided_range_runs_out_on_one_side():
    scheme = TiltScheme(tilt_min=-6, tilt_max=12, tilt_step=3)
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
    degrees = TiltScheme(tilt_min=-90, tilt_max=90, tilt_step=step).degrees
    assert degrees[0] == -90
    assert degrees[-1] == pytest.approx(last)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tilt_max": 91}, "tilt_min, tilt_max: wanted -90 <= tilt_min <= tilt_max <= 90"),
        ({"tilt_min": 61}, "tilt_min, tilt_max: wanted"),
        ({"tilt_step": 0}, "tilt_step: wanted a positive number, got 0"),
        ({"order": "random"}, "order: wanted one of dose_symmetric, bidirectional"),
        ({"group": 0}, "group: wanted 1 or more, got 0"),
        ({"total_dose_e_per_a2": -1}, "total_dose_e_per_a2: wanted a positive number"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        TiltScheme(**change)
