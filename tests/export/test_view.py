"""The view one can turn: what it holds, and where."""

import re
from base64 import b64decode

import numpy as np
import pytest
import world
from drawing import make_molecule, make_packed, make_structure

from openmm_cgpack import RunFolder, view
from openmm_cgpack.core import Line, RigidTransforms, Surface
from openmm_cgpack.density import render_labels
from openmm_cgpack.export.k3d_plot import scene_plot
from openmm_cgpack.export.meshes import both_sides, molecular_surfaces, placed, tube
from openmm_cgpack.export.shown import shown_of_truth

pytest.importorskip("k3d")
pytest.importorskip("skimage")


def volume(mesh):
    """Return what a closed mesh encloses, positive where its faces look outwards."""
    corners = mesh.vertices[mesh.faces]
    return np.einsum("fi,fi->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6


def by_layer(plot):
    layers = {}
    for item in plot.objects:
        told = item.custom_data or {}
        layers.setdefault(told.get("layer"), {})[told.get("species")] = item
    return layers


def test_a_molecules_surface_encloses_its_envelope():
    model = make_molecule(make_structure())
    fine, coarse = (molecular_surfaces([model], [n], most=20_000)[0] for n in (1, 100))
    assert [volume(fine), volume(coarse)] == pytest.approx([model.volume] * 2, rel=0.03)
    assert 100 * len(coarse.faces) < 40_000 < 100 * len(fine.faces)
    # It lies where the atoms do, not mirrored.
    atoms = model.structure.positions
    assert fine.vertices.mean(axis=0) == pytest.approx(atoms.mean(axis=0), abs=1.0)
    for side in (np.min, np.max):
        assert side(fine.vertices, axis=0) == pytest.approx(side(atoms, axis=0), abs=2.0)
    assert molecular_surfaces([model], [0], most=1000) == [None]


def test_meshes_look_outwards():
    pipe = tube(Line(points=[[0, 0, 0], [0, 0, 10], [0, 1, 20]], radius=2.0))
    assert volume(pipe) == pytest.approx(np.pi * 4 * 20, rel=0.07)
    triangle = Surface(vertices=np.eye(3), faces=[[0, 1, 2]])
    sides = both_sides(triangle, 0.5)
    apart = sides.vertices[:3] - sides.vertices[3:]
    assert apart == pytest.approx(np.full((3, 3), 1 / np.sqrt(3)))
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    poses = RigidTransforms(rotations=[np.eye(3), turn], translations=[[0, 0, 0], [5, 0, 0]])
    copies = placed(triangle, poses)
    assert copies.vertices[3:].tolist() == [[5, 1, 0], [4, 0, 0], [5, 0, 1]]


def test_plot_has_everything_in_its_place():
    packed, truth = world.everything()
    plot = scene_plot(shown_of_truth(truth))
    layers = by_layer(plot)
    balls = layers["balls"]
    assert list(balls) == list(truth.species)
    assert sum(len(b.positions) for b in balls.values()) == packed.scene.n_balls
    first = packed.positions[0] - world.GRID.origin
    assert balls["one_A"].positions[0] == pytest.approx(first, abs=0.01)
    assert (balls["one_A"].point_sizes == 4.0).all()
    assert set(layers["surfaces"]) == {"one_A", "two of them"}
    assert set(layers["filaments"]) == {"filament"}
    assert set(layers["membranes"]) == {"membrane"}
    # Molecules come once, with the poses of all instances.
    poses = layers["surfaces"]["one_A"].custom_data["poses"]
    rows = np.frombuffer(b64decode(poses), "<f4").reshape(-1, 12)
    mine = truth.particles.species == "one_A"
    assert rows[:, 9:] == pytest.approx(truth.particles.centre[mine], abs=1e-4)
    assert rows[:, :9].reshape(-1, 3, 3) == pytest.approx(truth.particles.rotation[mine], abs=1e-5)
    # The box of the slices: half a voxel beyond the outermost centres.
    slices = layers["slices"][None]
    corners = slices.model_matrix @ np.array([[-0.5, -0.5, -0.5, 1], [0.5, 0.5, 0.5, 1]]).T
    half = world.GRID.voxel_size / 2
    assert corners[:3, 0] == pytest.approx(np.full(3, -half), abs=1e-4)
    assert corners[:3, 1] == pytest.approx(world.GRID.size - half, abs=1e-4)
    assert (slices.volume[..., 3] == truth.semantic.data).all()
    panel = plot.custom_data
    assert [layer["name"] for layer in panel["layers"] if layer["on"]] == [
        "surfaces",
        "filaments",
        "membranes",
    ]
    assert [one["count"] for one in panel["species"]] == [2, 2, 2, 1]
    assert panel["cut"] is None


def test_closed_membranes_are_cut_open():
    truth = world.vesicle()
    assert scene_plot(shown_of_truth(truth)).custom_data["cut"] == truth.particles.centre[0, 1]


def test_views_of_memory_and_of_a_folder_are_one(run):
    packed, truth = world.everything()
    grid = world.GRID
    volumes = {
        "density": truth.maps["density"],
        "labels": render_labels(packed, grid=grid).semantic,
        "tomogram": truth.maps["tomogram"],
    }
    volumes = {
        key: type(held)(data=held.data, voxel_size=grid.voxel_size, origin=grid.origin)
        if key != "labels"
        else held
        for key, held in volumes.items()
    }
    seen = packed.view(**volumes).shown
    again = view(run).shown
    assert view(RunFolder(run)).shown.balls == pytest.approx(seen.balls)
    assert again.image.data == pytest.approx(seen.image.data)
    assert (again.labels == seen.labels).all()
    assert again.name == "run_1"
    assert seen.particles.centre == pytest.approx(truth.particles.centre)
    # Instances become their species.
    numbers = render_labels(packed, grid=grid).instances
    assert (packed.view(labels=numbers).shown.labels == seen.labels).all()
    with pytest.raises(ValueError, match="labels: wanted the grid of density"):
        packed.view(density=truth.maps["density"], labels=numbers)


def test_a_scene_alone_has_a_view(tmp_path):
    """Without volumes there are neither slices nor labels to switch."""
    one = world.molecules()[0].scene.species[0]
    packed = make_packed([(one, np.eye(3), np.zeros(3))])
    names = [layer["name"] for layer in scene_plot(packed.view().shown).custom_data["layers"]]
    assert names == ["surfaces", "balls"]


def test_page_needs_no_network_and_is_the_same_twice(run, tmp_path):
    pages = [view(run).save(tmp_path / name).read_text() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]
    assert 'src="http' not in pages[0]
    assert "url(http" not in pages[0]
    assert re.findall("<title>.*?</title>", pages[0])[:1] == ["<title>run_1</title>"]
    assert view(run)._repr_html_().startswith("<iframe srcdoc=")
