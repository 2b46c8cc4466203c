"""Curves over scale, noise and crowding."""

import dataclasses

import numpy as np
import pytest

from openmm_cgpack.core import ParticleTable, Volume
from openmm_cgpack.core.boundary import Periodic
from openmm_cgpack.evaluation import (
    PAPER_PICKERS,
    DogPicker,
    PickingCase,
    best_points,
    match_picks,
    picking_curve,
    random_picks,
)
from openmm_cgpack.imaging import MissingWedge, OneStep, render

RADIUS = 4.0


def scene(gap, n=3):
    """Return balls on a lattice of n³, `gap` nm apart, and their list."""
    lattice = np.indices((n,) * 3).reshape(3, -1).T * gap + 12.0
    size = int(gap * (n - 1) + 24)
    axis = np.arange(size)
    data = np.zeros((size,) * 3, np.float32)
    for x, y, z in lattice:
        far = (axis - z)[:, None, None] ** 2 + (axis - y)[None, :, None] ** 2 + (axis - x) ** 2
        data[far <= RADIUS**2] += 1
    truth = ParticleTable(
        instance=np.arange(1, n**3 + 1),
        species=["ball"] * n**3,
        centre=lattice,
        radius=np.full(n**3, RADIUS),
        rotation=np.stack([np.eye(3)] * n**3),
    )
    return Volume(data=data, voxel_size=1.0, origin=(0, 0, 0)), truth


def noisy(density, snr, *, seed, tilt_max=60):
    return render(
        density, OneStep(snr=snr, wedge=MissingWedge(tilt_max_deg=tilt_max)), seed=seed
    ).tomogram


def pickers(*sigmas, **options):
    return [DogPicker(sigma=sigma, **options) for sigma in sigmas]


def test_the_papers_widths():
    assert [picker.sigma for picker in PAPER_PICKERS] == list(range(2, 16))


def test_a_curve_is_its_pickings():
    density, truth = scene(12.0)
    cases = [
        PickingCase(name="positive", volume=density, truth=truth),
        PickingCase(name="noisy", volume=noisy(density, 0.05, tilt_max=90, seed=1), truth=truth),
    ]
    points = picking_curve(cases, pickers(2, 3, 9, dark=False))
    assert [(p.case, p.picker.sigma) for p in points] == [
        (case, sigma) for case in cases for sigma in (2, 3, 9)
    ]
    for point in points:
        assert point.picker == DogPicker(sigma=point.picker.sigma, n_picks=len(truth), dark=False)
        picks = point.picker.pick(point.case.volume)
        assert point.scores.f == match_picks(picks, truth).f
        assert point.scores.tp + point.scores.fp <= len(truth)
    assert points[1].scores.f == 1.0  # 3 nm, next to 4 / sqrt(3)
    assert points[2].scores.f < 0.5  # 9 nm, balls that are 12 nm apart run together
    best = best_points(points)
    assert [p.case for p in best] == cases
    assert best[0].picker.sigma in (2, 3)
    for point in best:
        assert point.scores.f == max(p.scores.f for p in points if p.case is point.case)


def test_best_is_the_narrower_one_on_a_tie():
    density, truth = scene(14.0)
    case = PickingCase(name="a", volume=density, truth=truth)
    points = picking_curve([case], pickers(3, 2, dark=False))
    assert points[0].scores.f == points[1].scores.f == 1.0
    (best,) = best_points(points)
    assert best.picker.sigma == 2


def test_tomograms_of_one_seed_differ_in_noise_and_wedge_only():
    density, _ = scene(12.0, n=2)
    clean, some, much = (noisy(density, snr, tilt_max=90, seed=4) for snr in (None, 0.5, 0.1))
    noise = [held.data - clean.data for held in (some, much)]
    assert clean.data.var() / noise[1].var() == pytest.approx(0.1, rel=1e-3)
    assert np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1] > 0.999


def test_crowding():
    cases = []
    for gap in (16.0, 11.0, 8.5):
        density, truth = scene(gap)
        fraction = 4 / 3 * np.pi * RADIUS**3 / gap**3
        tomogram = noisy(density, 0.02, seed=2)
        cases.append(PickingCase(name=f"{gap:g}", fraction=fraction, volume=tomogram, truth=truth))
    curve = best_points(picking_curve(cases, pickers(2, 3, 4)))
    assert [p.case.fraction for p in curve] == sorted(case.fraction for case in cases)
    assert curve[0].scores.f > curve[-1].scores.f


def test_chance_is_even_over_the_balls_room():
    _, truth = scene(11.0, n=5)
    picks = random_picks(truth, 40_000, seed=3)
    off = np.linalg.norm(picks.positions - truth.centre.mean(axis=0), axis=1)
    radius = off.max()
    # The same radius of gyration as the lattice, and as many in every shell as it has volume.
    lattice = truth.centre - truth.centre.mean(axis=0)
    assert (off**2).mean() == pytest.approx((lattice**2).sum(axis=1).mean(), rel=0.02)
    shells, _ = np.histogram((off / radius) ** 3, bins=10, range=(0, 1))
    assert abs(shells / 4000 - 1).max() < 0.1
    # Of far more picks than particles each finds what its sphere's share of the room says.
    inside = match_picks(picks, truth).empty
    cover = 125 * RADIUS**3 / radius**3
    assert inside == pytest.approx(40_000 * (1 - cover), rel=0.15)


def test_chance_in_a_box_is_even_over_it():
    _, truth = scene(11.0)
    picks = random_picks(truth, 40_000, seed=3, boundary=Periodic(box=(10, 20, 40)))
    counts, _ = np.histogramdd(picks.positions, bins=2, range=[(0, 10), (0, 20), (0, 40)])
    assert counts.sum() == 40_000
    assert abs(counts / 5000 - 1).max() < 0.06


def test_a_periodic_curve_does_not_depend_on_where_the_box_is_cut():
    density, truth = scene(12.0)
    shift = density.data.shape[0] // 2
    data = np.roll(density.data, (shift,) * 3, (0, 1, 2))
    cut = Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))
    moved = dataclasses.replace(truth, centre=truth.centre + shift)
    for volume, particles in ((density, truth), (cut, moved)):
        case = PickingCase(name="a", volume=volume, truth=particles)
        points = picking_curve([case], pickers(2, 3, dark=False), periodic=True)
        assert best_points(points)[0].scores.f == 1.0
    points = picking_curve([case], pickers(2, 3, dark=False))
    assert best_points(points)[0].scores.f < 0.8
