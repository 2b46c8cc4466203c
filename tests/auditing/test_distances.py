"""The radial distribution: 1 for points that know nothing of each other, in every boundary."""

import numpy as np
import pytest

from openmm_cgpack.auditing import radial_distribution
from openmm_cgpack.core import Open, Periodic, Slab

BOX = (20.0, 24.0, 16.0)


def ball_points(rng, n, *, power=1 / 3):
    directions = rng.normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * 10 * rng.random((n, 1)) ** power


def scatter(kind, rng, n):
    """Return independent points, and the boundary that they stand in."""
    if kind == "droplet":
        return ball_points(rng, n), Open()
    if kind == "dense core":
        return ball_points(rng, n, power=0.7), Open()
    if kind == "periodic":
        # Anywhere: also in other images of the box.
        return rng.uniform(-1.5, 1.5, (n, 3)) * BOX, Periodic(box=BOX)
    heights = rng.random(n) if kind == "slab" else rng.beta(0.5, 0.5, n)
    points = rng.uniform(-0.5, 0.5, (n, 3)) * BOX
    points[:, 2] = (heights - 0.5) * BOX[2]
    return points, Slab(box=BOX)


KINDS = ["droplet", "dense core", "periodic", "slab", "slab with layers at its walls"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_ideal_gas_has_none(kind):
    """Summed over many gases, g is 1 to within the error of all their pairs, in every bin."""
    rng = np.random.default_rng(5)
    pairs, expected = 0, 0
    for _ in range(40):
        points, boundary = scatter(kind, rng, 300)
        found = radial_distribution(points, boundary, bins=12)
        pairs, expected = pairs + found.pairs, expected + found.expected
    error = 1 / np.sqrt(expected)
    assert error[3:].max() < 0.05
    # The middle of a droplet comes from its own points: a bias of the order of 1 / n.
    assert (np.abs(pairs / expected - 1) < 4 * error + 1.5 / 300).all()
    assert found.order_beyond(0) < 2


@pytest.mark.parametrize("kind", KINDS)
def test_all_pairs_are_expected_somewhere(kind):
    rng = np.random.default_rng(6)
    points, boundary = scatter(kind, rng, 200)
    if isinstance(boundary, Open):
        found = radial_distribution(points, boundary, bins=30, r_max=19.0)
        assert found.expected.sum() == pytest.approx(200 * 199 / 2, rel=0.01)
    else:
        assert found_volume(points, boundary) == pytest.approx(1, rel=0.1)


def found_volume(points, boundary):
    found = radial_distribution(points, boundary, bins=30)
    return found.pairs.sum() / found.expected.sum()


@pytest.mark.parametrize(
    "boundary", [Open(), Periodic(box=BOX), Slab(box=BOX)], ids=lambda b: type(b).__name__
)
def test_pairs_against_all_pairs(boundary):
    rng = np.random.default_rng(7)
    points = rng.uniform(-0.5, 0.5, (120, 3)) * BOX
    found = radial_distribution(points, boundary, bins=10, r_max=7.5)
    offset = points[:, None] - points[None]
    if not isinstance(boundary, Open):
        offset = boundary.minimum_image(offset)
    distance = np.linalg.norm(offset, axis=2)[np.triu_indices(120, 1)]
    np.testing.assert_array_equal(found.pairs, np.histogram(distance, found.edges)[0])


def test_a_lattice_shows():
    side = np.arange(8) * 3.0
    lattice = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
    rng = np.random.default_rng(8)
    shaken = lattice + rng.normal(size=lattice.shape) * 0.3
    gas = rng.uniform(0, 24, lattice.shape)
    crystal, free = (radial_distribution(p, Periodic(box=24)) for p in (shaken, gas))
    assert crystal.order_beyond(6) > 5
    assert free.order_beyond(6) < 1.5
    near = crystal.r < 3.6
    assert crystal.r[near][np.nanargmax(crystal.g[near])] == pytest.approx(3, abs=0.2)


def test_limits():
    points = np.random.default_rng(1).uniform(-5, 5, (50, 3))
    with pytest.raises(ValueError, match="r_max: wanted a length up to 5 nm, got 6"):
        radial_distribution(points, Periodic(box=10), r_max=6)
    with pytest.raises(ValueError, match="centres: wanted at least 2, got 1"):
        radial_distribution(points[:1], Open())
    assert radial_distribution(points[:2], Open()).pairs.sum() <= 1
