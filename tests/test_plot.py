import subprocess
import sys

import numpy as np
import pytest

from openmm_cgpack import (
    BallModel,
    History,
    LabelVolume,
    Open,
    PackedScene,
    RigidTransforms,
    Scene,
    Volume,
)
from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.plot import (
    fitting_width,
    plot_history,
    plot_overview,
    plot_slices,
    render_balls,
)
from openmm_cgpack.shading import z_buffer

RED, BLUE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]


def is_colour(pixel: np.ndarray, channel: int) -> bool:
    others = [int(pixel[c]) for c in range(3) if c != channel]
    return int(pixel[channel]) > 1.5 * max(others)


@pytest.fixture
def packed() -> PackedScene:
    dimer = BallModel(
        name="dimer",
        positions=[[-2, 0, 0], [2, 0, 0]],
        radii=[2.5, 2.5],
        masses=[5000, 5000],
        rigid_groups=([0, 1],),
        volume=100.0,
    )
    dot = BallModel(
        name="a dot with a rather long name", positions=[[0, 0, 0]], radii=[3], masses=[1], volume=9
    )
    rng = np.random.default_rng(1)
    scene = Scene(
        species=(dimer, dot),
        species_index=[0, 0, 0, 1, 1],
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (5, 1, 1)), translations=rng.uniform(-60, 60, (5, 3))
        ),
    )
    step = np.arange(0, 50, 10)
    history = History(
        step=step,
        radius_of_gyration=60.0 - step,
        fraction=0.01 * step,
        overlap=0.001 * step,
        energy=0.0 * step,
    )
    return PackedScene(scene=scene, positions=scene.positions / 4, boundary=Open(), history=history)


@pytest.fixture
def slices() -> dict:
    grid = {"voxel_size": 1.0, "origin": (-16.0, -12.0, -8.0)}
    data = np.random.default_rng(0).random((16, 24, 32), dtype=np.float32)
    labels = np.zeros((16, 24, 32), np.uint16)
    labels[6:12, 4:10, 4:10], labels[6:12, 14:20, 20:28] = 1, 5
    return {
        "density": Volume(data=data, **grid),
        "labels": LabelVolume(data=labels, **grid),
        "tomogram": Volume(data=-data, **grid),
    }


def test_the_near_ball_hides_the_far_one():
    # The viewer stands at +y (azimuth 90): the red ball is nearer.
    picture = render_balls(
        [[0, 5, 0], [0, -5, 0]], [3, 3], [RED, BLUE], view=(90, 0), size=60, width=10
    )
    assert is_colour(picture[30, 30], 0)
    behind = render_balls(
        [[0, 5, 0], [0, -5, 0]], [3, 3], [RED, BLUE], view=(-90, 0), size=60, width=10
    )
    assert is_colour(behind[30, 30], 2)


def test_right_and_up_are_not_mirrored():
    # Seen from above with azimuth -90, x points right and y up; from the front z points up.
    points, colours = [[4, 0, 0], [-4, 0, 0], [0, 4, 0], [0, -4, 0]], [RED, BLUE, RED, BLUE]
    picture = render_balls(points, [1.5] * 4, colours, view=(-90, 90), size=100, width=12)
    column = 50 + round(4 / 12 * 100)
    assert is_colour(picture[50, column], 0)
    assert is_colour(picture[50, 100 - column], 2)
    assert is_colour(picture[100 - column, 50], 0)
    assert is_colour(picture[column, 50], 2)
    front = render_balls([[0, 0, 4], [0, 0, -4]], [1.5] * 2, [RED, BLUE], view=(30, 0), width=12)
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
        [[-1, 0, 0], [1, 0, 0]], [2, 2], [RED, BLUE], view=(-90, 90), size=200, width=8
    )
    assert is_colour(picture[100, 95], 0)
    assert is_colour(picture[100, 105], 2)


def test_touching_balls_of_one_colour_stay_apart():
    points, radii, colours = [[-1.5, 0, 0], [1.5, 0, 0]], [2, 2], [RED, RED]
    options = {"view": (-90, 90), "size": 200, "width": 10}
    two = render_balls(points, radii, colours, **options)
    one = render_balls(points, radii, colours, groups=[0, 0], **options)
    seam_two, seam_one = two[100, 98:102].min(axis=0)[0], one[100, 98:102].min(axis=0)[0]
    body = two[100, 70][0]
    assert seam_two < seam_one < body


def test_light_comes_from_above():
    picture = render_balls([[0, 0, 0]], [3], [RED], size=100, width=8, view=(0, 0)).astype(int)
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


def test_overview_is_a_whole_png_with_the_same_bytes(packed, slices, tmp_path):
    for name in ("first.png", "second.png"):
        plot_overview(tmp_path / name, packed=packed, **slices)
    first, second = ((tmp_path / name).read_bytes() for name in ("first.png", "second.png"))
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first.rstrip().endswith(b"IEND\xaeB`\x82")
    assert first == second
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.png", "second.png"]


def test_overview_shows_species_in_their_colours(packed, slices, tmp_path):
    from matplotlib.image import imread

    plot_overview(tmp_path / "overview.png", packed=packed, **slices)
    picture = imread(tmp_path / "overview.png")[..., :3]
    labels = picture[picture.shape[0] // 2 :, picture.shape[1] // 3 : 2 * picture.shape[1] // 3]
    for colour in species_colours(2):
        assert (np.abs(labels - colour).max(axis=2) < 0.01).sum() > 1000


def test_semantic_labels_are_coloured_by_name(packed, slices, tmp_path):
    from matplotlib.image import imread

    data = (slices["labels"].data > 0).astype(np.uint16)
    named = LabelVolume(
        data=data, voxel_size=1.0, origin=(0, 0, 0), names=("a dot with a rather long name",)
    )
    plot_overview(tmp_path / "overview.png", packed=packed, **(slices | {"labels": named}))
    picture = imread(tmp_path / "overview.png")[..., :3]
    labels = picture[picture.shape[0] // 2 :, picture.shape[1] // 3 : 2 * picture.shape[1] // 3]
    assert (np.abs(labels - species_colours(2)[1]).max(axis=2) < 0.01).sum() > 1000
    assert (np.abs(labels - species_colours(2)[0]).max(axis=2) < 0.01).sum() == 0


def test_overview_of_many_species_and_an_empty_volume(slices, tmp_path):
    species = tuple(
        BallModel(name=f"s{i}", positions=[[0, 0, 0]], radii=[2], masses=[1], volume=9)
        for i in range(40)
    )
    scene = Scene(
        species=species,
        species_index=np.arange(40),
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (40, 1, 1)),
            translations=np.random.default_rng(0).uniform(-40, 40, (40, 3)),
        ),
    )
    nothing = np.zeros(0)
    history = History(
        step=nothing.astype(int),
        radius_of_gyration=nothing,
        fraction=nothing,
        overlap=nothing,
        energy=nothing,
    )
    packed = PackedScene(scene=scene, positions=scene.positions, boundary=Open(), history=history)
    flat = Volume(data=np.zeros((4, 40, 6)), voxel_size=0.5, origin=(0, 0, 0))
    plot_overview(
        tmp_path / "o.png", packed=packed, **(slices | {"density": flat, "tomogram": flat})
    )
    assert (tmp_path / "o.png").stat().st_size > 10_000


def test_slices_have_scale_bars_and_equal_contrast(slices):
    figure = plot_slices(slices["density"], title="density")
    images = [axes.images[0] for axes in figure.axes]
    assert [image.get_array().shape for image in images] == [(24, 32), (16, 32), (16, 24)]
    assert len({image.get_clim() for image in images}) == 1
    np.testing.assert_array_equal(images[1].get_array(), slices["density"].data[:, 12])


def test_history_shows_both_curves(packed):
    upper, lower = plot_history(packed).axes
    np.testing.assert_allclose(upper.lines[0].get_ydata(), packed.history.radius_of_gyration)
    np.testing.assert_allclose(lower.lines[0].get_ydata(), 100 * packed.history.overlap)


def test_matplotlib_is_loaded_on_use_and_no_backend_is_chosen():
    code = (
        "import sys, openmm_cgpack.plot as plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import numpy as np, openmm_cgpack as c\n"
        "plot.plot_slices(c.Volume(data=np.eye(4)[None] * np.ones((4, 4, 4)), voxel_size=1.0,"
        " origin=(0, 0, 0)))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
