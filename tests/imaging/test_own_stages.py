"""A stage of a user's own, from Python and from a table, in both ways of imaging."""

from dataclasses import replace

import numpy as np
import pytest

from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.imaging import (
    Imaging,
    Microscope,
    MissingWedge,
    OneStep,
    Stage,
    TiltImaging,
    TiltScheme,
    WhiteNoise,
    render,
)
from openmm_cgpack.testing import check_stage

from .users_module import GainError, Sharpen

FEW = TiltScheme(tilt_step_deg=20)


@pytest.mark.parametrize("stage", [Sharpen(strength=2), GainError()], ids=lambda s: s.kind)
def test_they_keep_the_contract_and_are_known_by_name(stage):
    check_stage(stage)
    assert Stage.kinds[stage.kind] is type(stage)


def test_in_the_one_step_model(lumps):
    imaging = OneStep(snr=0.5, stages=(Sharpen(strength=3),))
    again = from_table(
        Imaging,
        {"kind": "one_step", "snr": 0.5, "stages": [{"kind": "sharpen", "strength": 3}]},
    )
    assert again == imaging
    assert from_table(Imaging, to_table(imaging)) == imaging
    sharp, plain = (render(lumps, i, seed=1) for i in (imaging, OneStep(snr=0.5)))
    assert sharp.snr["volume"] == pytest.approx(0.5, rel=1e-3)
    spectra = [np.abs(np.fft.rfftn(r.signal.data)[1:6, 1:6, 1:6]).sum() for r in (sharp, plain)]
    assert spectra[0] > spectra[1]


def test_in_a_tilt_series(lumps):
    imaging = TiltImaging(microscope=Microscope(scheme=FEW, stages=(GainError(), Sharpen())))
    table = {
        "kind": "tilt_series",
        "microscope": {
            "scheme": {"tilt_step_deg": 20},
            "stages": [{"kind": "gain_error"}, {"kind": "sharpen"}],
        },
    }
    assert from_table(Imaging, table) == imaging
    assert from_table(Imaging, to_table(imaging)) == imaging
    own, plain = (
        render(lumps, i, seed=1) for i in (imaging, TiltImaging(microscope=Microscope(scheme=FEW)))
    )
    assert own.snr["projection"] < 0.5 * plain.snr["projection"]


def test_each_comes_after_all_else_that_acts_on_the_same():
    scope = Microscope(stages=(GainError(), Sharpen(), WhiteNoise()))
    assert [type(stage).__name__ for stage in scope.to_contrast] == [
        "RadiationDamage",
        "Motion",
        "ContrastTransfer",
    ]
    assert [type(stage).__name__ for stage in scope.to_counts] == [
        "Displacement",
        "Sharpen",
        "WhiteNoise",
        "Illumination",
        "Detector",
        "GainError",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OneStep(stages=(GainError(),)), "stages: GainError cannot act on images of 3"),
        (
            lambda: Microscope(stages=(MissingWedge(),)),
            "stages: MissingWedge cannot act on images of 2 dimensions",
        ),
        (
            lambda: from_table(Imaging, {"kind": "one_step", "stages": [{"kind": "shapren"}]}),
            "wanted one of .*sharpen",
        ),
    ],
)
def test_what_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_noise_of_ones_own_is_scaled_with_the_rest(lumps):
    louder = replace(OneStep(snr=0.2), stages=(WhiteNoise(deviation=2.0),))
    for definition in ("volume", "pei2016"):
        rendered = render(lumps, replace(louder, snr_definition=definition), seed=1)
        assert rendered.snr[definition] == pytest.approx(0.2, rel=1e-3)
