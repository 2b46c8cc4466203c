import numpy as np
import pytest
from common import PackingRun, Settings, place_in
from common.volumes import TOLERANCE, measure_volumes, tightest

from openmm_cgpack import (
    SHAPE_COVER,
    AtomicStructure,
    Cover,
    FrameReporter,
    Periodic,
    Pull,
    Run,
    coarse_grain,
    pack_scene,
    place,
)
from openmm_cgpack.models import single_ball
from openmm_cgpack.packing import box_fraction, overlaps
from openmm_cgpack.structures import library


def rod():
    """Return a straight rod of atoms, 12 nm long, off centre in its file."""
    z = np.linspace(-6, 6, 1201)
    points = np.stack([0.02 * np.sin(40 * z), 0.02 * np.cos(40 * z), z], 1)
    return AtomicStructure(
        name="rod",
        positions=points - points.mean(axis=0),
        masses=np.full(len(z), 12.0),
        envelope_volume=4.0,
    )


def test_volumes_of_a_rod_by_every_definition():
    structure = rod()
    model = coarse_grain(structure, Cover(atoms_per_ball=400), seed=1)
    assert model.n_balls == 4
    volumes = measure_volumes(structure, model)

    def ball(radius):
        return 4 / 3 * np.pi * radius**3

    assert volumes.isosurface == 4.0
    assert volumes.single["minimal"] == pytest.approx(ball(6.0), rel=1e-3)
    assert volumes.single["box"] == pytest.approx(ball(6.0), rel=1e-3)
    # A quarter of the rod in each ball, touching its neighbours.
    assert volumes.multi["sum"] == pytest.approx(4 * ball(1.5), rel=0.02)
    assert volumes.multi["union"] == pytest.approx(volumes.multi["sum"], rel=0.02)
    assert volumes.saved("sum", "minimal") == pytest.approx(1 - 4 * (1.5 / 6) ** 3, abs=0.01)
    # The map's sphere reaches out by about its blur.
    assert 6.0 < np.cbrt(volumes.single["map"] * 3 / (4 * np.pi)) < 8.0


def test_an_off_centre_box_needs_a_larger_sphere():
    points = np.vstack([rod().positions, [[5.0, 0, -6.0]], [[-1.0, 0, -6.0]]])
    structure = AtomicStructure(
        name="boot",
        positions=points - points.mean(axis=0),
        masses=np.full(len(points), 12.0),
        envelope_volume=4.0,
    )
    volumes = measure_volumes(structure, coarse_grain(structure, Cover(atoms_per_ball=400), seed=1))
    assert volumes.single["box"] > 1.02 * volumes.single["minimal"]


def packing() -> PackingRun:
    scene, enlarged = place_in(
        [(coarse_grain(library["3hhb"], seed=1), 4)], extent=10.0, seed=np.random.SeedSequence(3)
    )
    assert "the start was enlarged" in enlarged
    reporter = FrameReporter(50)
    packed = pack_scene(
        scene,
        Pull(max_steps=120, relax_steps=20),
        run=Run(platform="Reference"),
        seed=3,
        reporters=[reporter],
    )
    return PackingRun(packed, reporter)


@pytest.fixture(scope="module")
def run() -> PackingRun:
    return packing()


def test_a_run_keeps_frames_from_the_start_to_the_end(run):
    assert run.steps[0] == 0
    assert run.steps[-1] == run.packed.history.step[-1] == 140
    assert list(run.steps) == sorted(set(run.steps))
    np.testing.assert_array_equal(run.frames[0], run.scene.positions)
    np.testing.assert_allclose(run.frames[-1], run.packed.positions, atol=1e-5)
    np.testing.assert_array_equal(run.at(1).positions, run.frames[1])


def test_a_box_that_is_large_enough_does_not_grow():
    model = coarse_grain(library["3hhb"], seed=1)
    _, enlarged = place_in([(model, 1)], extent=50.0, seed=np.random.SeedSequence(3))
    assert enlarged == ""


def test_moments_begin_at_the_start_and_end_at_the_end(run):
    moments = run.moments(3)
    assert (moments[0], moments[-1]) == (0, len(run.frames) - 1)
    assert moments == sorted(set(moments))
    assert run.titles(moments)[0] == "step 0"


def test_the_same_seed_gives_the_same_run(run):
    np.testing.assert_array_equal(packing().packed.positions, run.packed.positions)


def test_covers_that_follow_the_shape_pack_tighter_at_one_tolerance():
    structure = library["3hhb"]
    reached = {}
    for name, model in (
        ("one ball", single_ball(structure)),
        ("shape", coarse_grain(structure, SHAPE_COVER, seed=1)),
    ):
        scene = place([(model, 12)], boundary=Periodic(box=32.0), seed=1)
        seed = np.random.SeedSequence(1)
        packed = tightest(scene, Settings(run=Run(platform="CPU", threads=1)), seed=seed)
        assert packed.provenance["compression"]["rms_overlap_nm"] <= TOLERANCE
        reached[name] = box_fraction(packed.scene, packed.boundary)
        depth = overlaps(packed.scene, packed.positions, boundary=packed.boundary)[1]
        assert depth.max(initial=0.0) < 0.8
    # Balls alone fill at most 0.74 of space; the envelope is less than half of this one.
    assert 0.1 < reached["one ball"] < 0.74 * 0.5
    assert reached["shape"] > 1.3 * reached["one ball"]
