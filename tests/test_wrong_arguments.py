"""What Python says of an argument of the wrong type: its name, what was wanted, what to do."""

import numpy as np
import pytest

import openmm_cgpack as cgp


@pytest.fixture(scope="module")
def scene():
    return cgp.place([(cgp.Filament(n_balls=5).build(), 2)], seed=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda _: cgp.place([(cgp.Filament(n_balls=8), 2)], seed=1),
            "counts: .*Filament; its build()",
        ),
        (
            lambda _: cgp.insert([(cgp.Filament(n_balls=8), 2)], seed=1),
            "counts: .*Filament; its build()",
        ),
        (
            lambda _: cgp.place(cgp.Filament(n_balls=8).build(), seed=1),
            "counts: .*pairs of a BallModel",
        ),
        (
            lambda _: cgp.place([cgp.Filament(n_balls=8).build()], seed=1),
            "counts: .*pairs of a BallModel",
        ),
        (cgp.render_density, r"packed: wanted a PackedScene, .*Scene; .*as_packed\(scene\)"),
        (cgp.render_labels, r"packed: wanted a PackedScene, .*Scene; .*as_packed\(scene\)"),
        (cgp.extract_transforms, r"packed: wanted a PackedScene, .*Scene; .*as_packed\(scene\)"),
        (lambda scene: cgp.particle_table(scene, grid=None), "packed: wanted a PackedScene"),
        (lambda _: cgp.render_density(3), "packed: wanted a PackedScene, got a value of int$"),
        (lambda _: cgp.plot_slices(np.zeros((3, 3, 3))), "volume: wanted a Volume or LabelVolume"),
    ],
)
def test_an_argument_of_another_type_is_named(scene, call, words):
    with pytest.raises(TypeError, match=words):
        call(scene)
