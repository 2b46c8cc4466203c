"""Figures of volumes, of scenes and of a whole run."""

import dataclasses
import inspect
import subprocess
import sys

import numpy as np
import pytest

import openmm_cgpack
from openmm_cgpack import (
    AtomicStructure,
    BallModel,
    Filament,
    LabelVolume,
    Open,
    PackedScene,
    Periodic,
    RigidTransforms,
    Scene,
    TiltSeries,
    Volume,
    auditing,
    demo_recipe,
    draw,
    particle_table,
    plot_overview,
)
from openmm_cgpack.core import History
from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.core.structure import ATOM_TABLE
from openmm_cgpack.draw import (
    Tile,
    overview_figure,
    plot_balls,
    plot_contact_sheet,
    plot_history,
    plot_membrane,
    plot_molecules,
    plot_montage,
    plot_particles,
    plot_planes,
    plot_slices,
    plot_steps,
    save_figure,
)
from openmm_cgpack.draw.overview import power_spectrum
from openmm_cgpack.draw.style import blank_figure
from openmm_cgpack.models import single_ball
from openmm_cgpack.runs import Simulated

RED, BLUE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]


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


def test_overview_is_a_whole_png_with_the_same_bytes(packed, slices, tmp_path):
    for name in ("first.png", "second.png"):
        save_figure(tmp_path / name, overview_figure(packed, **slices))
    first, second = ((tmp_path / name).read_bytes() for name in ("first.png", "second.png"))
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert first.rstrip().endswith(b"IEND\xaeB`\x82")
    assert first == second
    assert sorted(p.name for p in tmp_path.iterdir()) == ["first.png", "second.png"]


def test_overview_shows_species_in_their_colours(packed, slices, tmp_path):
    from matplotlib.image import imread

    save_figure(tmp_path / "overview.png", overview_figure(packed, **slices))
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
    figure = overview_figure(packed, **(slices | {"labels": named}))
    save_figure(tmp_path / "overview.png", figure)
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
    figure = overview_figure(packed, **(slices | {"density": flat, "tomogram": flat}))
    save_figure(tmp_path / "o.png", figure)
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


def chain(n=4, *, name="chain"):
    return Filament(n_balls=n, radius=2.0, name=name).build()


def packed_at(models, places, positions=None):
    scene = Scene(
        species=tuple(models),
        species_index=np.arange(len(models)),
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (len(models), 1, 1)), translations=places
        ),
    )
    nothing = dict.fromkeys(("radius_of_gyration", "fraction", "overlap", "energy"), np.zeros(0))
    return PackedScene(
        scene=scene,
        positions=scene.positions if positions is None else positions,
        boundary=Open(),
        history=History(step=np.zeros(0, int), **nothing),
    )


def test_steps_draw_every_bond_where_the_camera_sees_it():
    scene = packed_at([chain()], [[7.0, 8.0, 9.0]]).scene
    bent = scene.positions + np.array([[0, 0, 0], [1, 0, 0], [1, 2, 0], [0, 2, 3]])
    figure = plot_steps(
        scene,
        frames=[scene.positions, bent],
        titles=["start", "end"],
        view_deg=(-90, 0),
        size=60,
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["start", "end", "", ""]
    # From -y, x is to the right and z is up; both panels have one centre and one scale.
    upper = figure.axes[:2]
    assert upper[0].get_xlim() == upper[1].get_xlim()
    for axes, positions in zip(upper, (scene.positions, bent), strict=True):
        (lines,) = axes.collections
        drawn = np.array(lines.get_segments())
        wanted = positions[scene.bonds][:, :, [0, 2]]
        lengths = np.sort(np.linalg.norm(drawn[:, 1] - drawn[:, 0], axis=1))
        expected = np.sort(np.linalg.norm(wanted[:, 1] - wanted[:, 0], axis=1))
        np.testing.assert_allclose(lengths, expected)
        np.testing.assert_allclose(
            np.ptp(drawn.reshape(-1, 2), axis=0), np.ptp(wanted.reshape(-1, 2), axis=0)
        )


def test_steps_draw_balls_without_bonds_as_dots(packed):
    figure = plot_steps(packed.scene, frames=[packed.positions], titles=["end"], views=("bonds",))
    (dots,) = figure.axes[0].collections
    assert len(dots.get_offsets()) == packed.scene.n_balls


def test_steps_want_a_title_for_each_frame_and_known_views(packed):
    with pytest.raises(ValueError, match="titles: wanted one for each"):
        plot_steps(packed.scene, frames=[packed.positions], titles=[])
    with pytest.raises(ValueError, match="views: wanted"):
        plot_steps(packed.scene, frames=[packed.positions], titles=["end"], views=("sticks",))


def test_molecules_are_drawn_by_their_atoms_and_filaments_as_tubes():
    bar = np.stack(np.meshgrid([0.0], [0.0], np.linspace(-6, 6, 49)), -1).reshape(-1, 3)
    atoms = AtomicStructure(
        name="bar", positions=bar, masses=np.full(49, 12.0), envelope_volume=12.0
    )
    one = single_ball(atoms)
    tube = Filament(n_balls=6, radius=1.0, name="tube").build()
    packed = packed_at([one, tube], [[0, 0, 0], [8.0, 0, 0]])
    figure = plot_molecules(packed, view_deg=(-90, 0), size=200, colours=np.array([RED, BLUE]))
    picture = np.asarray(figure.axes[0].images[0].get_array()).astype(int)
    red = (picture[..., 0] - picture[..., 2]) > 60
    blue = (picture[..., 2] - picture[..., 0]) > 60
    # The molecule is as thin as its atoms, though its one ball is 12 nm wide.
    assert np.ptp(np.nonzero(red)[0]) > 6 * np.ptp(np.nonzero(red)[1])
    assert np.nonzero(red)[1].max() < np.nonzero(blue)[1].min()
    assert np.ptp(np.nonzero(blue)[0]) == pytest.approx(np.ptp(np.nonzero(red)[0]), rel=0.25)


def test_planes_are_the_same_of_all_volumes(packed, slices):
    figure = plot_planes(
        {name: slices[name] for name in ("density", "tomogram", "labels")},
        packed=packed,
        densities=("density",),
        plane=3,
    )
    density, tomogram, labels = (axes.images[0] for axes in figure.axes)
    np.testing.assert_array_equal(density.get_array(), slices["density"].data[3])
    np.testing.assert_array_equal(tomogram.get_array(), slices["tomogram"].data[3])
    assert (density.get_cmap().name, tomogram.get_cmap().name) == ("gray_r", "gray")
    assert labels.get_array().ndim == 3
    with pytest.raises(ValueError, match="volumes: wanted at least one"):
        plot_planes({})


def test_a_montage_goes_from_the_first_to_the_last_plane_that_holds_something():
    data = np.zeros((40, 6, 8), np.float32)
    data[10:31] = np.arange(10, 31)[:, None, None]
    figure = plot_montage(Volume(data=data, voxel_size=2.0, origin=(0, 0, 0)), n=6, columns=3)
    images = [axes.images[0] for axes in figure.axes]
    assert [int(image.get_array()[0, 0]) for image in images] == [10, 14, 18, 22, 26, 30]
    assert len({image.get_clim() for image in images}) == 1
    assert [axes.texts[0].get_text() for axes in figure.axes][:2] == ["-19.0", "-11.0"]
    with pytest.raises(ValueError, match="n, columns: wanted positive"):
        plot_montage(Volume(data=data, voxel_size=2.0, origin=(0, 0, 0)), n=0)


def test_an_overview_is_of_what_there_is(packed, slices):
    def titles(of, **extra):
        figure = plot_overview(of, **extra)
        return [t for axes in figure.axes if (t := axes.get_title(loc="left"))]

    bare = titles(packed)
    assert bare[:2] == ["before packing", "after packing"]
    assert len(bare) == 3
    assert titles(packed, tomogram=slices["tomogram"])[2] == "tomogram, central xy slice"
    made = Simulated(recipe=demo_recipe())
    with pytest.raises(ValueError, match="simulated: wanted one with a packed scene"):
        plot_overview(made)
    made.packed, made.density = packed, slices["density"]
    assert titles(made)[2] == "density, central xy slice"


def test_figures_are_drawn_into_axes_that_are_given(packed, slices):
    figure = blank_figure((6.0, 6.0))
    axes = figure.subplots(2, 3)
    table = particle_table(packed, grid=slices["density"].grid)
    assert plot_slices(slices["density"], axes=axes[0]) is figure
    assert plot_history(packed, axes=axes[1, :2]) is figure
    assert plot_particles(table, axes=axes[1, 2], title="all") is figure
    assert len(figure.axes) == 6
    assert axes[1, 2].get_title(loc="left") == "all"
    with pytest.raises(ValueError, match="axes: wanted 3, got 2"):
        plot_slices(slices["density"], axes=axes[1, :2])


def test_labels_have_colours_without_a_scene(slices):
    image = plot_slices(slices["labels"]).axes[0].images[0].get_array()
    assert (np.abs(image - species_colours(5)[4]).max(axis=2) < 0.01).any()


def test_matplotlib_is_loaded_on_use_and_no_backend_is_chosen():
    code = (
        "import sys, openmm_cgpack.draw as plot\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import numpy as np, openmm_cgpack as c\n"
        "plot.plot_slices(c.Volume(data=np.eye(4)[None] * np.ones((4, 4, 4)), voxel_size=1.0,"
        " origin=(0, 0, 0)))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_power_spectrum_shows_a_wave_where_it_is():
    """A wave of 10 pixels along x stands at a tenth of the sampling frequency, left and right."""
    x = np.arange(80)
    images = np.tile(np.cos(2 * np.pi * x / 10), (3, 64, 1)).astype(np.float32)
    series = TiltSeries(
        images=images, angles=[-0.5, 0.0, 0.5], pixel_size=0.5, dose_e_per_a2=[1.0, 1.0, 1.0]
    )
    spectrum, highest = power_spectrum(series)
    middle = spectrum.shape[0] // 2
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    found = abs(column - middle) / middle * highest
    assert row == pytest.approx(middle, abs=1)
    assert found == pytest.approx(1 / (10 * 0.5), rel=0.1)


def test_a_tilt_series_adds_two_rows(tmp_path, packed, slices):
    rng = np.random.default_rng(1)
    size = slices["tomogram"].data.shape[1:]
    series = TiltSeries(
        images=rng.normal(size=(3, *size)),
        angles=[-1.0, 0.0, 1.0],
        pixel_size=slices["tomogram"].voxel_size,
        dose_e_per_a2=[3.0, 3.0, 3.0],
    )
    from matplotlib.image import imread

    heights = []
    for extra in ({}, {"series": series}):
        path = tmp_path / "overview.png"
        save_figure(path, overview_figure(packed, **slices, **extra))
        heights.append(imread(path).shape[0])
    # One of square images, and one of sections, which are flat.
    assert 1.5 * heights[0] < heights[1] < 2 * heights[0]


def test_a_membrane_is_drawn_where_it_is():
    """A greasy atom in it, a polar one above: orange between the lines, blue over them."""
    table = np.zeros(2, ATOM_TABLE)
    table["residue"] = "LEU", "LYS"
    structure = AtomicStructure(
        name="two",
        positions=[[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]],
        masses=[12.0, 12.0],
        atom_table=table,
        membrane=[[-1.5, 0.0, 0.0], [1.5, 0.0, 0.0]],
    )
    figure = plot_membrane(structure, size=200)
    for axes in figure.axes:
        picture = axes.images[0].get_array().astype(float)
        lines = [line.get_ydata()[0] for line in axes.lines]
        redder = np.flatnonzero((picture[..., 0] - picture[..., 2]).max(axis=1) > 60)
        bluer = np.flatnonzero((picture[..., 2] - picture[..., 0]).max(axis=1) > 60)
        outer, inner = lines
        assert outer < redder.mean() < inner
        assert redder.mean() == pytest.approx((outer + inner) / 2, abs=1.5)
        assert bluer.max() < outer
        # 4 nm apart, of which the membrane has 3.
        assert (redder.mean() - bluer.mean()) / (inner - outer) == pytest.approx(4 / 3, rel=0.03)
    with pytest.raises(ValueError, match="two: wanted a structure with a membrane plane"):
        plot_membrane(dataclasses.replace(structure, membrane=None))


ORDER = (
    *("packed", "colours", "densities", "plane", "contrast", "n", "columns"),
    *("view_deg", "size", "cut_at", "title"),
)
"""What several plot functions take, in the order in which all of them do."""

PLOTS = {
    name: function
    for module in (openmm_cgpack, draw, auditing)
    for name, function in vars(module).items()
    if name.startswith("plot_")
}


@pytest.mark.parametrize("name", sorted(PLOTS))
def test_plot_functions_take_the_same_things_in_the_same_order(name):
    first, *others = inspect.signature(PLOTS[name]).parameters.values()
    assert first.kind is first.POSITIONAL_OR_KEYWORD
    assert all(other.kind is other.KEYWORD_ONLY for other in others)
    names = [other.name for other in others]
    assert names[-2] == "title"
    assert names[-1] in ("axes", "figure")
    assert [others[-2].default, others[-1].default] == ["", None]
    shared = [other for other in names if other in ORDER]
    assert shared == sorted(shared, key=ORDER.index)
    assert all(f"\n    {each} : " in PLOTS[name].__doc__ for each in names[-2:])


def test_whole_figures_are_drawn_into_parts_of_others(packed, slices):
    figure = blank_figure((12.0, 8.0))
    left, right = figure.subfigures(1, 2)
    volume = slices["density"]
    assert plot_montage(volume, n=4, title="all", figure=left) is figure
    assert plot_overview(packed, tomogram=volume, title="packing", figure=right) is figure
    tile = Tile("0000", volume.data[0], None, 32.0)
    assert plot_contact_sheet([tile], values={}, species={"a": 1}, figure=left) is figure
    assert len(left.axes) == 4 + 2
    assert len(right.axes) == 3 + 3
    assert right.texts[0].get_text() == "packing"


@pytest.mark.parametrize("plot", [plot_balls, plot_molecules])
def test_a_box_is_drawn_around_what_is_in_it(plot):
    box = Periodic(box=(30.0, 20.0, 40.0))
    scene = dataclasses.replace(packed_at([chain()], [[0.0, 0.0, 0.0]]).scene, boundary=box)
    axes = plot(scene, size=100, view_deg=(-90, 0)).axes[0]
    behind, before = axes.collections
    assert (len(behind.get_segments()), len(before.get_segments())) == (3, 9)
    assert behind.get_zorder() < axes.images[0].get_zorder() < before.get_zorder()
    places = np.concatenate(before.get_segments())
    # From -y, the box is 30 nm wide and 40 nm high, and all of it is in the picture.
    wide, high = np.ptp(places, axis=0)
    assert high / wide == pytest.approx(40 / 30)
    assert (places > 0).all()
    assert (places < 99).all()
    assert not plot(packed_at([chain()], [[0.0, 0.0, 0.0]]), size=100).axes[0].collections


@pytest.mark.parametrize("of", ["labels", "scene", "neither"])
def test_labels_have_a_legend_where_names_are_known(packed, slices, of):
    data = np.zeros((4, 6, 8), np.uint16)
    data[1:3, 1:3, 1:3], data[1:3, 4, 5] = 1, 5
    names = ("one", "two", "three", "four", "five") if of == "labels" else ()
    labels = LabelVolume(data=data, voxel_size=1.0, origin=(0, 0, 0), names=names)
    scene = packed if of == "scene" else None
    wanted = {
        "labels": ["one", "five"],
        "scene": ["dimer", "a dot with a rath…"],
        "neither": [],
    }[of]
    for figure in (plot_slices(labels, packed=scene), plot_planes({"a": labels}, packed=scene)):
        held = [text.get_text() for legend in figure.legends for text in legend.texts]
        assert held == wanted
