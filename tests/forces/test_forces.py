"""The forces against the paper's equations, written again here by hand."""

import dataclasses

import numpy as np
import pytest
from helpers import PLATFORMS, body, energy_and_forces, random_scene

from openmm_cgpack.core import Periodic, Scene
from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.forces import (
    CentrePull,
    ForceTerm,
    HarmonicAngles,
    HarmonicBonds,
    LargeBallRepulsion,
    MembraneElasticity,
    ObstacleWall,
    SoftRepulsion,
    SwitchedLennardJones,
    Walls,
)
from openmm_cgpack.packing import Pull, create_system, place
from openmm_cgpack.testing import check_force_term

openmm = pytest.importorskip("openmm")

KCAL = 4.184
PAPER = Pull(lennard_jones=SwitchedLennardJones(form="custom")).terms


def bond_energy(scene, x):
    """Eq. 10 with the paper's constant and without the 1/2."""
    total = 0.0
    for i in range(scene.n_instances):
        model = scene.model(i)
        for (a, b), length in zip(model.bonds, model.bond_lengths, strict=True):
            r = np.linalg.norm(x[scene.offsets[i] + a] - x[scene.offsets[i] + b])
            total += model.bond_k / 2 * (r - length) ** 2
    return total


def angle_energy(scene, x):
    """Eq. 11, the vertex in the middle."""
    total = 0.0
    for i in range(scene.n_instances):
        model = scene.model(i)
        for a, b, c in model.angles + scene.offsets[i]:
            u, v = x[a] - x[b], x[c] - x[b]
            theta = np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
            total += model.angle_k / 2 * (theta - np.pi) ** 2
    return total


def lennard_jones_energy(scene, x, epsilon, switch, cutoff):
    """Eq. 12 with OpenMM's quintic switch; bonded pairs have none."""
    bonded = {tuple(sorted(pair)) for pair in scene.bonds.tolist()}
    total = 0.0
    for i in range(scene.n_balls):
        for j in range(i + 1, scene.n_balls):
            r = np.linalg.norm(x[i] - x[j])
            if (i, j) in bonded or r >= cutoff:
                continue
            ratio = (scene.radii[i] + scene.radii[j]) / r
            u = epsilon * (ratio**12 - 2 * ratio**6)
            if r > switch:
                t = (r - switch) / (cutoff - switch)
                u *= 1 - 6 * t**5 + 15 * t**4 - 10 * t**3
            total += u
    return total


def bond_forces(scene, x):
    """Eq. 10's gradient by hand."""
    forces = np.zeros_like(x)
    for i in range(scene.n_instances):
        model = scene.model(i)
        for (a, b), length in zip(model.bonds + scene.offsets[i], model.bond_lengths, strict=True):
            offset = x[a] - x[b]
            r = np.linalg.norm(offset)
            pull = -model.bond_k * (r - length) * offset / r
            forces[a] += pull
            forces[b] -= pull
    return forces


def angle_forces(scene, x):
    """Eq. 11's gradient by hand: along the legs' normals in the plane of the three balls."""
    forces = np.zeros_like(x)
    for i in range(scene.n_instances):
        model = scene.model(i)
        for a, b, c in model.angles + scene.offsets[i]:
            u, v = x[a] - x[b], x[c] - x[b]
            lu, lv = np.linalg.norm(u), np.linalg.norm(v)
            cosine = u @ v / lu / lv
            slope = model.angle_k * (np.arccos(cosine) - np.pi) / np.sqrt(1 - cosine**2)
            on_a = slope * (v / lv - cosine * u / lu) / lu
            on_c = slope * (u / lu - cosine * v / lv) / lv
            forces[a] += on_a
            forces[c] += on_c
            forces[b] -= on_a + on_c
    return forces


def lennard_jones_forces(scene, x, epsilon, switch, cutoff):
    """Eq. 12's gradient by hand, with that of the switch."""
    bonded = {tuple(sorted(pair)) for pair in scene.bonds.tolist()}
    forces = np.zeros_like(x)
    for i in range(scene.n_balls):
        for j in range(i + 1, scene.n_balls):
            offset = x[i] - x[j]
            r = np.linalg.norm(offset)
            if (i, j) in bonded or r >= cutoff:
                continue
            ratio = (scene.radii[i] + scene.radii[j]) / r
            u = epsilon * (ratio**12 - 2 * ratio**6)
            slope = -12 * epsilon * (ratio**12 - ratio**6) / r
            if r > switch:
                t = (r - switch) / (cutoff - switch)
                s = 1 - 6 * t**5 + 15 * t**4 - 10 * t**3
                ds = (-30 * t**4 + 60 * t**3 - 30 * t**2) / (cutoff - switch)
                slope = s * slope + ds * u
            forces[i] -= slope * offset / r
            forces[j] += slope * offset / r
    return forces


def same_forces(forces, by_hand):
    """Single precision keeps this much of the largest force."""
    np.testing.assert_allclose(forces, by_hand, atol=2e-5 * np.abs(by_hand).max())


def pull_force(x, k, radius):
    """Eq. 8, in whatever units k and radius have."""
    r = np.linalg.norm(x, axis=1, keepdims=True)
    return -x / r * np.where(r < radius, k * r, k * radius)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_bonds_are_eq_10(platform):
    scene, x = random_scene(1)
    energy, forces = energy_and_forces(scene, [HarmonicBonds()], x, platform)
    assert energy == pytest.approx(bond_energy(scene, x), rel=2e-5)
    same_forces(forces, bond_forces(scene, x))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_angles_are_eq_11(platform):
    scene, x = random_scene(2)
    energy, forces = energy_and_forces(scene, [HarmonicAngles()], x, platform)
    assert energy > 0
    assert energy == pytest.approx(angle_energy(scene, x), rel=2e-5)
    same_forces(forces, angle_forces(scene, x))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("form", ["custom", "standard"])
def test_lennard_jones_is_eq_12(platform, form):
    scene, x = random_scene(3)
    # A short switch, so that pairs stand before, in and beyond it.
    term = SwitchedLennardJones(epsilon=7.0, switch=14.0, cutoff=20.0, form=form)
    distance = np.linalg.norm(x[:, None] - x, axis=2)
    assert ((distance > 14) & (distance < 20)).any()
    assert (distance > 20).any()
    energy, forces = energy_and_forces(scene, [term], x, platform)
    assert energy == pytest.approx(lennard_jones_energy(scene, x, 7.0, 14.0, 20.0), rel=1e-4)
    same_forces(forces, lennard_jones_forces(scene, x, 7.0, 14.0, 20.0))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_pull_is_eq_8(platform):
    scene, _ = random_scene(4)
    rng = np.random.default_rng(4)
    directions = rng.normal(size=(scene.n_balls, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # In nm; the pull is in the paper's kcal/mol/A, which stops growing at 300 A.
    x = directions * np.linspace(0.5, 70, scene.n_balls)[:, None]
    _, forces = energy_and_forces(scene, [CentrePull()], x, platform)
    by_hand = pull_force(10 * x, 10.0, 300.0) * KCAL * 10
    np.testing.assert_allclose(forces, by_hand, rtol=2e-5, atol=0.05)
    assert np.linalg.norm(forces, axis=1).max() == pytest.approx(125_520, rel=1e-5)


def test_pull_is_towards_its_centre():
    scene, x = random_scene(5)
    centre = np.array([3.0, -1.0, 2.0])
    term = CentrePull(k=2.0, radius=5.0, centre=centre)
    _, forces = energy_and_forces(scene, [term], x, "Reference")
    np.testing.assert_allclose(forces, pull_force(x - centre, 2.0, 5.0), rtol=1e-6)


@pytest.mark.parametrize("rigidity", ["bonds", "constraints"])
@pytest.mark.parametrize("form", ["custom", "standard"])
def test_force_is_minus_the_gradient(rigidity, form):
    scene, x = random_scene(6, bend=0.0 if rigidity == "constraints" else 0.2)
    term = SwitchedLennardJones(epsilon=50.0, switch=14.0, cutoff=20.0, form=form)
    terms = Pull(lennard_jones=term).terms
    _, forces = energy_and_forces(scene, terms, x, "Reference", rigidity)
    system = create_system(scene, forces=terms, rigidity=rigidity)
    free = np.array([not system.isVirtualSite(i) for i in range(scene.n_balls)])
    h = 1e-5
    for ball in np.flatnonzero(free)[::5]:
        for axis in range(3):
            moved = []
            for sign in (1, -1):
                y = x.copy()
                y[ball, axis] += sign * h
                moved.append(energy_and_forces(scene, terms, y, "Reference", rigidity)[0])
            slope = (moved[0] - moved[1]) / (2 * h)
            assert forces[ball, axis] == pytest.approx(-slope, rel=1e-4, abs=0.05)


@pytest.mark.parametrize("rigidity", ["bonds", "constraints"])
def test_both_lennard_jones_forms_agree(rigidity):
    scene, x = random_scene(7, bend=0.0)
    results = [
        energy_and_forces(
            scene,
            [SwitchedLennardJones(epsilon=3.0, switch=14.0, cutoff=20.0, form=form)],
            x,
            "Reference",
            rigidity,
        )
        for form in ("custom", "standard")
    ]
    scale = np.abs(results[0][1]).max()
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], atol=1e-11 * scale)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_platforms_agree(platform):
    scene, x = random_scene(8, bend=0.0)
    for rigidity in ("bonds", "constraints"):
        _, expected = energy_and_forces(scene, PAPER, x, "Reference", rigidity)
        _, forces = energy_and_forces(scene, PAPER, x, platform, rigidity)
        np.testing.assert_allclose(forces, expected, atol=2e-4 * np.abs(expected).max())


def test_free_angles_leave_the_force_out():
    scene, _ = random_scene(9, angle_k=0.0)
    system = create_system(scene, forces=PAPER)
    names = [type(force).__name__ for force in system.getForces()]
    assert names == ["HarmonicBondForce", "CustomNonbondedForce", "CustomExternalForce"]


def test_each_force_has_a_group_of_its_own():
    scene, _ = random_scene(9)
    system = create_system(scene, forces=PAPER)
    groups = [force.getForceGroup() for force in system.getForces()]
    assert len(set(groups)) == len(groups) == 4


def test_quantities_are_taken():
    from openmm import unit

    term = SwitchedLennardJones(
        epsilon=2.0 * unit.kilocalories_per_mole, switch=10 * unit.angstrom, cutoff=3.0
    )
    assert term.epsilon == pytest.approx(8.368)
    assert term.switch == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("term", "arguments"),
    [
        (SwitchedLennardJones, {"epsilon": -1.0}),
        (SwitchedLennardJones, {"epsilon": float("nan")}),
        (SwitchedLennardJones, {"switch": 5.0, "cutoff": 4.0}),
        (SwitchedLennardJones, {"form": "fast"}),
        (CentrePull, {"radius": 0.0}),
        (CentrePull, {"k": 0.0}),
        (SoftRepulsion, {"k": -1.0}),
        (Walls, {"k": 0.0}),
        (ObstacleWall, {"k": 0.0}),
        (MembraneElasticity, {"evenness": -1.0}),
    ],
)
def test_bad_constants_are_named(term, arguments):
    with pytest.raises(ValueError, match=rf"^{next(iter(arguments))}: wanted"):
        term(**arguments)


def test_every_term_is_a_kind_that_comes_back_from_its_table():
    names = ["harmonic_bonds", "harmonic_angles", "centre_pull", "lennard_jones"]
    names += ["soft_repulsion", "obstacle_wall", "walls", "membrane", "large_ball_repulsion"]
    assert set(names) <= set(ForceTerm.kinds)
    for name in names:
        term = ForceTerm.kinds[name]()
        assert to_table(term)["kind"] == name
        assert from_table(ForceTerm, to_table(term)) == term


@pytest.mark.parametrize(
    "term",
    [
        HarmonicBonds(),
        HarmonicAngles(),
        CentrePull(k=2.0, radius=10.0),
        SwitchedLennardJones(epsilon=2.0, switch=14.0, cutoff=20.0),
        SoftRepulsion(k=10.0, gap=8.0),
        Walls(),
        ObstacleWall(),
        MembraneElasticity(),
        LargeBallRepulsion(k=10.0, gap=8.0, beyond=1.0),
    ],
    ids=lambda term: term.kind,
)
def test_terms_keep_the_contract(term):
    check_force_term(term)


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("rigidity", ["bonds", "constraints"])
def test_large_balls_apart_from_the_others_push_as_all_together(platform, rigidity):
    scene, positions = random_scene(4, bend=0.0)
    scene = dataclasses.replace(scene, boundary=Periodic(box=40.0))
    positions = positions + np.array([38.0, 0, 0])
    middle = float(np.median(scene.radii))
    together = SoftRepulsion(k=50.0, gap=2.0)
    apart = [
        SoftRepulsion(k=50.0, gap=2.0, up_to=middle),
        LargeBallRepulsion(k=50.0, gap=2.0, beyond=middle),
    ]
    energy, forces = energy_and_forces(scene, [together], positions, platform, rigidity)
    same, as_well = energy_and_forces(scene, apart, positions, platform, rigidity)
    assert energy > 100
    assert same == pytest.approx(energy, rel=1e-5)
    assert as_well == pytest.approx(forces, rel=1e-4, abs=1e-3 * np.abs(forces).max())


def test_large_balls_are_looked_for_again_when_they_have_moved():
    scene, positions = random_scene(4, bend=0.0)
    term = LargeBallRepulsion(k=50.0, gap=2.0, beyond=1.0)
    system = create_system(scene, forces=[term])
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )
    for scale in (1.0, 0.99, 0.9, 0.6, 0.5):
        context.setPositions(positions * scale)
        found = context.getState(energy=True).getPotentialEnergy()._value
        alone, _ = energy_and_forces(scene, [term], positions * scale, "Reference")
        all_in_one = [SoftRepulsion(k=50.0, gap=2.0)]
        whole, _ = energy_and_forces(scene, all_in_one, positions * scale, "Reference")
        assert found == alone == pytest.approx(whole)


def test_the_defaults_are_the_papers_in_openmms_units():
    assert CentrePull().k == pytest.approx(10 * KCAL * 100)
    assert CentrePull().radius == 30
    assert SwitchedLennardJones().epsilon == pytest.approx(2000 * KCAL)


def test_a_filament_does_not_pass_through_itself():
    """Its own balls repel under constraints, too: each has a body number of its own."""
    scene, x = random_scene(10, bend=0.0)
    chain = next(i for i in range(scene.n_instances) if scene.model(i).name == "chain")
    balls = scene.balls(chain)
    x = x.copy()
    x[balls.start + 3] = x[balls.start] + [0.5, 0, 0]
    term = SwitchedLennardJones(epsilon=1.0)
    assert isinstance(scene, Scene)
    _, forces = energy_and_forces(scene, [term], x, "Reference", "constraints")
    assert np.linalg.norm(forces[balls.start]) > 1e3


def test_auto_takes_the_form_that_suits_the_balls():
    few, _ = random_scene(1)
    many = place([(body("many", 60, 1), 2)], seed=1)
    term = SwitchedLennardJones(epsilon=1.0, form="auto")
    assert isinstance(term.build(few, "constraints"), openmm.NonbondedForce)
    assert isinstance(term.build(many, "constraints"), openmm.CustomNonbondedForce)
