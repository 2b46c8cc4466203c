"""Balls as shaded spheres."""

import numpy as np
import pytest

from openmm_cgpack.draw import fitting_width, render_balls
from openmm_cgpack.draw.shading import z_buffer

RED, BLUE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]


def is_colour(pixel: np.ndarray, channel: int) -> bool:
    others = [int(pixel[c]) for c in range(3) if c != channel]
    return int(pixel[channel]) > 1.5 * max(others)


def test_the_near_ball_hides_the_far_one():
    # The viewer stands at +y (azimuth 90): the red ball is nearer.
    picture = render_balls(
        [[0, 5, 0], [0, -5, 0]], [3, 3], [RED, BLUE], view_deg=(90, 0), size=60, width=10
    )
    assert is_colour(picture[30, 30], 0)
    behind = render_balls(
        [[0, 5, 0], [0, -5, 0]], [3, 3], [RED, BLUE], view_deg=(-90, 0), size=60, width=10
    )
    assert is_colour(behind[30, 30], 2)


def test_right_and_up_are_not_mirrored():
    # Seen from above with azimuth -90, x points right and y up; from the front z points up.
    points, colours = [[4, 0, 0], [-4, 0, 0], [0, 4, 0], [0, -4, 0]], [RED, BLUE, RED, BLUE]
    picture = render_balls(points, [1.5] * 4, colours, view_deg=(-90, 90), size=100, width=12)
    column = 50 + round(4 / 12 * 100)
    assert is_colour(picture[50, column], 0)
    assert is_colour(picture[50, 100 - column], 2)
    assert is_colour(picture[100 - column, 50], 0)
    assert is_colour(picture[column, 50], 2)
    front = render_balls(
        [[0, 0, 4], [0, 0, -4]], [1.5] * 2, [RED, BLUE], view_deg=(30, 0), width=12
    )
    assert is_colour(front[350 - 233, 350], 0)
    assert is_colour(front[350 + 233, 350], 2)


def test_a_ball_covers_its_disc():
    picture = render_balls([[7, 8, 9]], [3], [RED], size=200, width=10)
    drawn = (picture < 250).any(axis=2)
    assert drawn.sum() == pytest.approx(np.pi * (3 / 10 * 200) ** 2, rel=0.02)
    rows, columns = np.nonzero(drawn)
    assert rows.mean() == pytest.approx(99.5, abs=0.5)
    assert columns.mean() == pytest.approx(99.5, abs=0.5)


def test_balls_that_cut_each_other_meet_halfway():
    picture = render_balls(
        [[-1, 0, 0], [1, 0, 0]], [2, 2], [RED, BLUE], view_deg=(-90, 90), size=200, width=8
    )
    assert is_colour(picture[100, 95], 0)
    assert is_colour(picture[100, 105], 2)


def test_touching_balls_of_one_colour_stay_apart():
    points, radii, colours = [[-1.5, 0, 0], [1.5, 0, 0]], [2, 2], [RED, RED]
    options = {"view_deg": (-90, 90), "size": 200, "width": 10}
    two = render_balls(points, radii, colours, **options)
    one = render_balls(points, radii, colours, groups=[0, 0], **options)
    seam_two, seam_one = two[100, 98:102].min(axis=0)[0], one[100, 98:102].min(axis=0)[0]
    body = two[100, 70][0]
    assert seam_two < seam_one < body


def test_light_comes_from_above():
    picture = render_balls([[0, 0, 0]], [3], [RED], size=100, width=8, view_deg=(0, 0)).astype(int)
    assert picture[35, 45, 0] > picture[65, 55, 0] + 20


def test_everything_fits_and_a_ball_outside_is_no_error():
    rng = np.random.default_rng(0)
    points, radii = rng.uniform(-50, 50, (200, 3)), rng.uniform(1, 6, 200)
    picture = render_balls(points, radii, rng.random((200, 3)), size=150)
    frame = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    assert (frame == 255).all()
    assert (picture < 250).any(axis=2).mean() > 0.3
    close = render_balls(points, radii, rng.random((200, 3)), size=50, width=20)
    assert close.shape == (50, 50, 3)
    empty = render_balls(points, radii, rng.random((200, 3)), size=20, width=5, centre=[900, 0, 0])
    assert (empty == 255).all()


def test_the_z_buffer_equals_a_ray_through_every_ball():
    # A second route: the nearest of all balls along the ray of each pixel's centre.
    rng = np.random.default_rng(4)
    spheres, radii = rng.uniform(-10, 110, (60, 3)), rng.uniform(0.5, 25, 60)
    depth, owner = z_buffer(spheres, radii, 100)
    column, row = np.meshgrid(np.arange(100) + 0.5, np.arange(100) + 0.5)
    square = radii**2 - (column[..., None] - spheres[:, 0]) ** 2
    square -= (row[..., None] - spheres[:, 1]) ** 2
    front = np.where(square > 0, spheres[:, 2] + np.sqrt(np.maximum(square, 0)), -np.inf)
    np.testing.assert_allclose(depth, front.max(axis=-1))
    hit = np.isfinite(front.max(axis=-1))
    np.testing.assert_array_equal(owner, np.where(hit, front.argmax(axis=-1), -1))
    assert 0.3 < hit.mean() < 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [], []), "positions: wanted at least one ball, got none"),
        (([[0, 0, 0]], [0.0], [RED]), "radii: wanted positive numbers, got 0 for ball 0"),
        (([[0, 0, np.nan]], [1.0], [RED]), "positions: wanted finite numbers, got nan"),
        (([[0, 0, 0]], [1.0, 1.0], [RED]), r"radii: wanted shape \(1\), got \(2,\)"),
    ],
)
def test_bad_balls(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_balls(*arguments)


def test_fitting_width_of_one_ball():
    assert fitting_width([[5, 5, 5]], [2.0]) == pytest.approx(4.0, rel=0.05)


def test_seams_between_balls_of_one_body_can_be_left_out():
    points, options = [[-1, 0, 0], [1, 0, 0]], {"size": 101, "width": 6, "view_deg": (-90, 90)}
    arguments = points, [1.5, 1.5], [RED, RED]
    lined = render_balls(*arguments, groups=[0, 0], **options)
    smooth = render_balls(*arguments, groups=[0, 0], seams=0.0, **options)
    assert int(lined[50, 50, 0]) + 15 < int(smooth[50, 50, 0])
    np.testing.assert_array_equal(lined[50, 30], smooth[50, 30])


def test_relief_darkens_pits_wider_than_a_ball():
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(-9.0, 10), np.arange(-9.0, 10)))
    pit = np.hypot(x, y) < 3.5
    points = np.stack([x, y, np.where(pit, -4.0, 0.0)], 1)
    arguments = points, np.ones(len(x)), np.full((len(x), 3), 0.5)
    options = {"size": 152, "view_deg": (-90, 90), "width": 19.0, "groups": np.zeros(len(x), int)}
    contrast = []
    for relief in (1.0, 4.0):
        picture = render_balls(*arguments, **options, relief=relief).astype(float)
        contrast.append(picture[70:82, 70:82].mean() / picture[70:82, 10:22].mean())
    assert contrast[1] < contrast[0] - 0.05
