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
        (lambda _: cgp.Slab(box=(60, 60)), r"box: wanted one edge, or those .*, got \(60, 60\)"),
        (lambda _: cgp.Slab(bx=3), 'Slab: unknown argument "bx"; the nearest known one is "box"'),
        (lambda _: cgp.Slab((3, 3, 3)), "Slab: wanted arguments by name"),
        (
            lambda scene: cgp.pack_scene(scene, "dense", seed=1),
            r"protocol: .* str; as Dense\(\)",
        ),
        (lambda scene: cgp.pack_scene(scene, cgp.Pull, seed=1), r"protocol: .*; as Pull\(\)"),
        (lambda _: cgp.pack_scene(3, seed=1), "scene: wanted a Scene or PackedScene, got"),
        (
            lambda _: cgp.populate([cgp.Filament(n_balls=8)], boundary=(48, 48, 36), seed=1),
            r"boundary: wanted a Boundary, got a value of tuple; as Periodic\(box=",
        ),
        (
            lambda scene: cgp.insert([(scene.species[0], 1)], boundary=48, seed=1),
            "boundary: wanted a Boundary, got a value of int",
        ),
        (
            lambda scene: cgp.populate(scene.species, boundary=cgp.Slab(box=9), seed=1),
            "structures: wanted a Structure, got a value of BallModel",
        ),
        (
            lambda _: cgp.coarse_grain("x.pdb.gz", seed=1),
            r"structure: wanted an AtomicStructure, .*; load_structure\('x.pdb.gz'\) reads one",
        ),
        (
            lambda scene: cgp.render_density(cgp.as_packed(scene), 1.0),
            r"settings: wanted a MapSettings, got a value of float; as MapSettings\(\)",
        ),
        (
            lambda scene: cgp.render(cgp.as_packed(scene), "clean", seed=1),
            "specimen: wanted a Volume or Specimen, .*; render_density\\(packed\\) makes one",
        ),
        (
            lambda _: cgp.simulate("x"),
            r"recipe: wanted a Recipe, .*; load_recipe\(path\) reads",
        ),
        (
            lambda scene: cgp.place([(scene.species[0], 1)], seed="a"),
            "seed: wanted a whole number or a SeedSequence, got a value of str",
        ),
        (lambda scene: cgp.pack_scene(scene, seed="a"), "seed: wanted a whole number"),
    ],
)
def test_an_argument_of_another_type_is_named(scene, call, words):
    with pytest.raises(TypeError, match=words):
        call(scene)
