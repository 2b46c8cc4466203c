"""Curves over scale, noise and crowding."""

import dataclasses

import numpy as np
import pytest

from openmm_cgpack.core import ParticleTable, Volume
from openmm_cgpack.evaluation import (
    SIGMAS_NM,
    CrowdedCase,
    best_points,
    chance_picks,
    crowding_curve,
    dog_curve,
    imaging_series,
    match_picks,
    pick_dog,
)

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


def test_the_papers_widths():
    assert tuple(range(2, 16)) == SIGMAS_NM


def test_a_curve_is_its_pickings():
    density, truth = scene(12.0)
    volumes = {
        "positive": density,
        "noisy": imaging_series(density, snrs=[0.05], seed=1).popitem()[1],
    }
    points = dog_curve(volumes, truth, sigmas_nm=(2, 3, 9), dark=False)
    assert [(p.name, p.sigma1_nm) for p in points] == [
        (name, sigma) for name in volumes for sigma in (2, 3, 9)
    ]
    for point in points:
        picks = pick_dog(volumes[point.name], point.sigma1_nm, n_picks=len(truth), dark=False)
        assert point.scores.f == match_picks(picks, truth).f
        assert point.scores.tp + point.scores.fp <= len(truth)
        assert np.isnan(point.fraction)
    assert points[1].scores.f == 1.0  # 3 nm, next to 4 / sqrt(3)
    assert points[2].scores.f < 0.5  # 9 nm, balls that are 12 nm apart run together
    assert best_points(points)[0].sigma1_nm in (2, 3)


def test_best_is_the_narrower_one_on_a_tie():
    density, truth = scene(14.0)
    points = dog_curve({"a": density}, truth, sigmas_nm=(3, 2), dark=False)
    assert points[0].scores.f == points[1].scores.f == 1.0
    (best,) = best_points(points)
    assert best.sigma1_nm == 2


def test_series_differ_in_noise_and_wedge_only():
    density, _ = scene(12.0, n=2)
    series = imaging_series(density, snrs=[None, 0.5, 0.1], tilt_maxs=(60, 90), seed=4)
    assert list(series) == [
        "no noise, tilts to 60°", "SNR 0.5, tilts to 60°", "SNR 0.1, tilts to 60°",
        "no noise, no wedge", "SNR 0.5, no wedge", "SNR 0.1, no wedge",
    ]  # fmt: skip
    clean, some, much = list(series.values())[3:]
    noise = [held.data - clean.data for held in (some, much)]
    assert clean.data.var() / noise[1].var() == pytest.approx(0.1, rel=1e-3)
    assert np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1] > 0.999


def test_crowding():
    cases = []
    for gap in (8.5, 16.0, 11.0):
        density, truth = scene(gap)
        fraction = 4 / 3 * np.pi * RADIUS**3 / gap**3
        tomogram = imaging_series(density, snrs=[0.02], tilt_maxs=[60], seed=2).popitem()[1]
        cases.append(CrowdedCase(fraction=fraction, volume=tomogram, truth=truth))
    curve = crowding_curve(cases, sigmas_nm=(2, 3, 4))
    assert [p.fraction for p in curve] == sorted(case.fraction for case in cases)
    assert curve[0].scores.f > curve[-1].scores.f
    for point, case in zip(curve, sorted(cases, key=lambda c: c.fraction), strict=True):
        alone = dog_curve({"a": case.volume}, case.truth, sigmas_nm=(2, 3, 4))
        assert point.scores.f == max(p.scores.f for p in alone)


def test_chance_is_even_over_the_balls_room():
    _, truth = scene(11.0, n=5)
    picks = chance_picks(truth, 40_000, seed=3)
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
    picks = chance_picks(truth, 40_000, seed=3, box=(10, 20, 40))
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
        case = CrowdedCase(fraction=0.1, volume=volume, truth=particles)
        (point,) = crowding_curve([case], sigmas_nm=(2, 3), dark=False, periodic=True)
        assert point.scores.f == 1.0
    (point,) = crowding_curve([case], sigmas_nm=(2, 3), dark=False)
    assert point.scores.f < 0.8
