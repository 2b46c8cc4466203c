import numpy as np
import pytest

from openmm_cgpack.imaging import ContrastTransfer, electron_wavelength
from openmm_cgpack.imaging import ctf as general_ctf

from .conftest import exposure


def ctf(frequency, *, defocus_um, amplitude_contrast=0.07, phase_shift=0.0):
    """Return the CTF of a 300 kV microscope with a Cs of 2 mm, without astigmatism."""
    return general_ctf(
        (frequency,),
        defocus_um=(defocus_um, defocus_um),
        astigmatism_angle=0.0,
        phase_shift=phase_shift,
        voltage_kv=300.0,
        cs_mm=2.0,
        amplitude_contrast=amplitude_contrast,
    )


@pytest.mark.parametrize(
    ("voltage", "angstrom"), [(100.0, 0.037014), (200.0, 0.025079), (300.0, 0.019687)]
)
def test_wavelengths_of_the_textbooks(voltage, angstrom):
    assert electron_wavelength(voltage) * 10 == pytest.approx(angstrom, abs=1e-6)


def test_wavelength_from_the_constants_of_nature():
    # de Broglie with relativistic momentum, CODATA 2018, SI units.
    planck, electron, charge, light = 6.62607015e-34, 9.1093837015e-31, 1.602176634e-19, 299792458.0
    energy = 300e3 * charge
    momentum = np.sqrt(2 * electron * energy + (energy / light) ** 2)
    assert electron_wavelength(300.0) == pytest.approx(planck / momentum * 1e9, rel=1e-5)


def test_zero_frequency_is_minus_the_amplitude_contrast():
    assert ctf(0.0, defocus_um=5.0, amplitude_contrast=0.07) == pytest.approx(-0.07, abs=1e-12)


def test_mass_is_dark_at_underfocus_and_bright_at_overfocus():
    slow = np.linspace(0.05, 0.25, 20)  # 1/nm, below the first zero
    assert (ctf(slow, defocus_um=5.0) < 0).all()
    assert (ctf(slow, defocus_um=-5.0, amplitude_contrast=0.0) > 0).all()


def test_zeros_by_hand():
    # chi = n pi with Cs: pi lam z k^2 - pi/2 Cs lam^3 k^4 + asin(A) = n pi is a quadratic in k^2.
    lam, defocus, cs, contrast = 0.00196875, 5000.0, 2.0e6, 0.07
    a, b = 0.5 * cs * lam**3, lam * defocus
    for n in range(1, 6):
        c = n - np.arcsin(contrast) / np.pi
        square = (b - np.sqrt(b**2 - 4 * a * c)) / (2 * a)
        assert abs(ctf(np.sqrt(square), defocus_um=5.0)) < 1e-3
    first = (b - np.sqrt(b**2 - 4 * a * (1 - np.arcsin(contrast) / np.pi))) / (2 * a)
    assert 1 / np.sqrt(first) == pytest.approx(3.17, abs=0.01)
    assert 1 / np.sqrt(1 / b) == pytest.approx(3.14, abs=0.01)  # no amplitude contrast, no Cs


def test_a_quarter_wave_phase_plate_turns_sine_into_cosine():
    k = np.linspace(0, 1, 50)
    plain = ctf(k, defocus_um=1.0, amplitude_contrast=0.0)
    plate = ctf(k, defocus_um=1.0, amplitude_contrast=0.0, phase_shift=np.pi / 2)
    np.testing.assert_allclose(plain**2 + plate**2, 1.0, atol=1e-12)


def test_the_settings_are_the_function():
    k = np.linspace(0, 0.4, 30)
    optics = ContrastTransfer(defocus_um=5.0, cs_mm=2.0, phase_shift_deg=30.0)
    expected = ctf(k, defocus_um=5.3, phase_shift=np.pi / 6)
    told = exposure(defocus_error_um=0.2, defocus_depth_um=0.1)
    np.testing.assert_allclose(optics.transfer((0 * k, k), told), expected, rtol=1e-12)
    np.testing.assert_allclose(optics.transfer((0 * k, 0.6 * k, 0.8 * k), told), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cs_mm": -1.0}, "cs_mm: wanted a number >= 0, got -1"),
        ({"defocus_um": np.nan}, "defocus_um: wanted a number >= 0, finite, got nan"),
        ({"defocus_um": -3}, "defocus_um: wanted a number >= 0, got -3"),
        ({"amplitude_contrast": 1.0}, "amplitude_contrast: wanted a number >= 0 and < 1, got 1"),
        ({"phase_shift_deg": np.inf}, "phase_shift_deg: wanted a number, finite, got inf"),
        ({"astigmatism_angle_deg": 9}, "astigmatism_angle_deg: means nothing where astigmatism_um"),
    ],
)
def test_bad_optics(change, message):
    with pytest.raises(ValueError, match=message):
        ContrastTransfer(**change)
