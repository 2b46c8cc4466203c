"""Recipes: strict reading, and running into a folder that is whole or not there."""

import csv
import dataclasses
import json
import pickle
import tomllib

import mdtraj
import mrcfile
import numpy as np
import pytest

import openmm_cgpack as cgp
from openmm_cgpack import MapSettings, OneStep, Pull, Run, Start, SwitchedLennardJones
from openmm_cgpack.cli import main
from openmm_cgpack.io.volumes import read_mask
from openmm_cgpack.models import Filament, Membrane, Molecule
from openmm_cgpack.recipe import Files, Recipe, demo_recipe, dump_recipe, load_recipe
from openmm_cgpack.runs import run
from openmm_cgpack.runs.folder import MANIFEST
from openmm_cgpack.runs.work import whole_folder

FILES = {
    "recipe.toml",
    "scene.npz",
    "packed.npz",
    "topology.cif",
    "trajectory.dcd",
    "density.mrc",
    "instances.mrc",
    "semantic.mrc",
    "tomogram.mrc",
    "particles.csv",
    "curves.csv",
    "overview.png",
}
CHAIN = "[[filament]]\nn_balls = 4\n"


def small(**changes):
    """Return a recipe that runs in seconds."""
    recipe = Recipe(
        name="small",
        seed=3,
        structures=(
            Molecule(species="3hhb", count=3),
            Molecule(species="2bo9", count=2),
            Molecule(species="1f1b", count=1),
            Filament(n_balls=6),
            Membrane(shape=(3, 4), radius=3.0),
        ),
        pack=Pull(
            max_steps=300,
            block=100,
            relax_steps=200,
            lennard_jones=SwitchedLennardJones(form="standard"),
        ),
        imaging=OneStep(snr=2.0),
        files=Files(trajectory=True, frame_interval=100),
        run=Run(platform="CPU", threads=1),
    )
    return dataclasses.replace(recipe, **changes)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder and the manifest of a small run."""
    out = tmp_path_factory.mktemp("runs") / "out"
    return out, run(small(), out)


def read(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return load_recipe(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ('name = "x"\n', "empty"),
        (CHAIN + "radios = 2.0\n", ["[[filament]] number 1", '"radios"', '"radius"']),
        ("sead = 1\n" + CHAIN, ['"sead"', '"seed"']),
        (CHAIN + "[imagings]\nsnr = 1\n", ['"imagings"', '"imaging"']),
        (CHAIN + "[pack]\nrigid = 1\n", ["[pack]", '"rigid"', '"rigidity"']),
        ("[[filament]]\nn_balls = 4.5\n", ["n_balls", "a whole number >= 2", "4.5"]),
        ("[[filament]]\nn_balls = true\n", ["n_balls", "true"]),
        ('[[filament]]\nn_balls = "4"\n', ["n_balls", '"4"']),
        ("[[filament]]\nradius = 2.0\n", ["[[filament]] number 1", "n_balls: is missing"]),
        (CHAIN + "radius = -2.0\n", ["radius", "> 0", "-2"]),
        (CHAIN + "radius = nan\n", ["radius", "finite", "nan"]),
        (CHAIN + "[imaging]\nsnr = inf\n", ["snr", "finite", "inf"]),
        (CHAIN + "[imaging.wedge]\ntilt_max_deg = 91\n", ["tilt_max_deg", "<= 90", "91"]),
        (CHAIN + "count = -1\n", ["count", ">= 1", "-1"]),
        (CHAIN + "count = 1" + 400 * "0" + "\n", ["count", ">= 1, finite"]),
        (CHAIN + '[pack]\nrigidity = "stiff"\n', ["rigidity", '"bonds" or "constraints"', "stiff"]),
        (CHAIN + "[density]\nbox = [10, 20]\n", ["box", "3 numbers", "[10, 20]"]),
        (CHAIN + "[density]\nbox = [10, 20, nan]\n", ["box", "nan"]),
        (CHAIN + CHAIN, ['"filament"', "a name of its own"]),
        ("[filament]\nn_balls = 4\n", "[[filament]]: wanted tables"),
        (CHAIN + "[[start]]\n", "[start]: wanted a table"),
        # What later stages would refuse is found now, and not after the packing.
        (CHAIN + "[imaging.transfer]\ndefocus_um = -3\n", ["defocus_um", ">= 0", "-3"]),
        (CHAIN + "[imaging.transfer]\namplitude_contrast = 1\n", ["amplitude_contrast", "< 1"]),
        (
            CHAIN
            + '[imaging]\nkind = "tilt_series"\n[imaging.microscope.scheme]\ntilt_min_deg = 70\n',
            ["[imaging.microscope.scheme]", "tilt_min_deg", "70 and 60"],
        ),
        (CHAIN + "[pack.lennard_jones]\nswitch = 70\n", ["[pack.lennard_jones]", "switch", "61"]),
        (
            CHAIN + '[pack]\nkind = ["dense"]\n',
            ["[pack]", "kind", "one of cell, dense, pull"],
        ),
        (CHAIN + "[imaging]\nkind = {}\n", ["[imaging]", "kind", "one_step"]),
        (CHAIN + '[pack]\nkind = "dense"\nfraction = 0.2\n', ['kind = "dense"', "open"]),
        ("[[molecule]]\ncount = 1\n", ["one of species, pdb and id", "none"]),
        ('[[molecule]]\nspecies = "a/b.cif"\ncount = 1\n', ["a/b.cif", "files are for pdb"]),
        ('[[molecule]]\nspecies = "mine.PDB"\ncount = 1\n', ["mine.PDB", "files are for pdb"]),
        ('[[molecule]]\nspecies = "3hhb"\nid = "3hhb"\ncount = 1\n', "species and id"),
        ('[[molecule]]\nspecies = "3hhb"\ncount = 1\nwaters = true\n', "waters"),
        (CHAIN + "angle_k = 1\npersistence_length = 100\n", "persistence_length"),
        ("x\n", "not a TOML file"),
    ],
)
def test_a_bad_recipe_says_what_is_wrong(tmp_path, text, words):
    with pytest.raises((ValueError, TypeError)) as error:
        read(tmp_path, text)
    message = str(error.value)
    assert message.startswith(f"{tmp_path / 'recipe.toml'}: ")
    assert "\n" not in message
    for word in [words] if isinstance(words, str) else words:
        assert word in message


def test_wrong_types_are_type_errors_and_wrong_values_value_errors(tmp_path):
    with pytest.raises(TypeError, match="seed"):
        read(tmp_path, 'seed = "one"\n' + CHAIN)
    with pytest.raises(ValueError, match="seed"):
        read(tmp_path, "seed = -1\n" + CHAIN)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"recipe\.toml: not a text file"):
        load_recipe(path)


def test_what_is_dumped_loads_as_the_same(tmp_path):
    recipe = small(
        name='a "quoted" \\ name',
        structures=(
            Filament(n_balls=6),
            Molecule(pdb=tmp_path / "structures/a.pdb", count=2, assembly="1", waters=True),
            Filament(n_balls=9, name="long"),
        ),
        density=MapSettings(box=(30.0, 40.0, 50.0), voxel_size=1e-05, resolution=1.0),
        start=Start(extent=80.0),
    )
    assert read(tmp_path, dump_recipe(recipe, folder=tmp_path)) == recipe


def test_paths_of_structures_follow_the_dumped_recipe(tmp_path):
    recipe = read(tmp_path, '[[molecule]]\npdb = "files/a.pdb"\n')
    dumped = tomllib.loads(dump_recipe(recipe, folder=tmp_path / "runs" / "out"))
    assert dumped["molecule"][0]["pdb"] == "../../files/a.pdb"


def test_recipes_can_be_sent_to_other_processes():
    assert pickle.loads(pickle.dumps((run, small()))) == (run, small())


def of_kind(recipe, kind):
    return [entry for entry in recipe.structures if entry.kind == kind]


def test_the_paper_s_first_scene_is_what_it_says():
    recipe = demo_recipe("paper")
    assert len(recipe.structures) == 20
    assert {entry.count for entry in recipe.structures} == {20}
    assert {entry.species for entry in recipe.structures} <= set(cgp.library.names)
    assert recipe.start.extent == 120


def test_the_droplet_is_what_it_says():
    recipe = demo_recipe("droplet")
    molecules = of_kind(recipe, "molecule")
    assert len(molecules) >= 10
    assert 90 <= sum(entry.count for entry in molecules) <= 110
    assert sum(entry.count for entry in of_kind(recipe, "filament")) == 2
    assert sum(entry.count for entry in of_kind(recipe, "membrane")) == 1
    assert {entry.species for entry in molecules} <= set(cgp.library.names)


def test_the_demo_is_a_piece_of_a_cell_from_the_library():
    """Nothing of it needs a network, and its crowds differ inside and outside."""
    recipe = demo_recipe()
    (vesicle,), (channels,) = (of_kind(recipe, kind) for kind in ("vesicle", "membrane_protein"))
    assert channels.hosts == (vesicle.label,)
    assert {entry.lattice for entry in of_kind(recipe, "helix")} == {"actin", "microtubule"}
    crowd = of_kind(recipe, "molecule")
    inside = [entry.fraction for entry in crowd if entry.where.inside == vesicle.label]
    outside = [entry.fraction for entry in crowd if entry.where.outside == vesicle.label]
    assert len(inside) + len(outside) == len(crowd)
    assert sum(inside) > sum(outside) > 0
    species = [*crowd, channels, *of_kind(recipe, "helix")]
    assert {entry.species for entry in species} <= set(cgp.library.names)


def test_recipes_that_come_along_have_names(tmp_path, capsys):
    assert main(["demo", "nucleus", "-o", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "one of cell, cytoplasm, czii, demo, droplet, filaments," in said
    assert 'got "nucleus"' in said


def test_a_run_with_more_instances_than_mrc_holds(tmp_path):
    """Only the numbers are large; what is written, listed and read back is a whole run's."""

    def many(stage, made):
        if stage == "labels":
            data = made.labels.instances.data.astype(np.uint32)
            data[data == 1] = 70_000
            instances = dataclasses.replace(made.labels.instances, data=data)
            made.labels = dataclasses.replace(made.labels, instances=instances)

    out = tmp_path / "out"
    manifest = run(small(files=Files(overview=False)), out, hook=many)
    assert not (out / "overview.png").exists()
    assert manifest["density"]["instances_file"] == "instances.zarr"
    assert any(name.startswith("instances.zarr/") for name in manifest["files"])
    assert not (out / "instances.mrc").exists()
    labels = read_mask(out, "instances")
    assert labels.data.dtype == np.uint32
    assert labels.data.max() == 70_000
    np.testing.assert_array_equal(labels.data > 0, mrcfile.read(out / "semantic.mrc") > 0)


def test_the_membrane_of_the_droplet_has_no_holes_for_its_filaments():
    """The middle of a mesh is inside its four balls."""
    (sheet,) = of_kind(demo_recipe("droplet"), "membrane")
    (thread,) = of_kind(demo_recipe("droplet"), "filament")
    assert sheet.spacing / np.sqrt(2) < 0.9 * sheet.radius
    assert thread.radius < sheet.radius


def test_a_resolution_that_the_voxels_cannot_hold_is_found_before_the_packing():
    with pytest.raises(ValueError, match=r"resolution: wanted a Gaussian with sigma"):
        MapSettings(resolution=1.0)


def test_every_file_is_there_and_in_the_manifest(finished):
    out, manifest = finished
    assert {path.name for path in out.iterdir()} == FILES | {MANIFEST}
    assert set(manifest["files"]) == FILES
    assert json.loads((out / MANIFEST).read_text()) == manifest
    assert not [path for path in out.parent.iterdir() if path != out]


def test_the_manifest_tells_what_was_achieved(finished):
    _, manifest = finished
    assert [(s["name"], s["asked"], s["placed"]) for s in manifest["species"]] == [
        ("3hhb", 3, 3),
        ("2bo9", 2, 2),
        ("1f1b", 1, 1),
        ("filament", 1, 1),
        ("membrane", 1, 1),
    ]
    packing, density = manifest["packing"], manifest["density"]
    assert packing["radius_of_gyration_end_nm"] < packing["radius_of_gyration_start_nm"]
    assert packing["rigid_body_rms_max_nm"] < 1e-4
    assert packing["mirrored"] == 0
    assert density["labelled_instances"] == packing["instances"] == 8
    assert density["mass_da"] == pytest.approx(density["expected_mass_da"], rel=0.05)
    assert manifest["tomogram"]["snr_measured"] == pytest.approx(2.0, rel=1e-4)
    assert manifest["dynamics"]["platform"] == "CPU"
    assert manifest["dynamics"]["properties"]["Threads"] == "1"


def test_the_maps_open_on_one_grid(finished):
    out, manifest = finished
    shape = tuple(manifest["density"]["shape_zyx"])
    for name in ("density", "instances", "semantic", "tomogram"):
        assert mrcfile.validate(out / f"{name}.mrc")
        with mrcfile.open(out / f"{name}.mrc") as file:
            assert file.data.shape == shape
            assert file.voxel_size.x == pytest.approx(10.0)
            assert file.header.origin.item() == (0, 0, 0)


def test_coordinates_maps_and_particles_agree(finished):
    """Each molecule's mass lies where its row says, and its balls where the body's pose puts them.

    The labels give the mass's place by a second route: the density inside the instance's mask.
    """
    out, _ = finished
    with open(out / "particles.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    trajectory = mdtraj.load(str(out / "trajectory.dcd"), top=str(out / "topology.cif"))
    topology = mdtraj.load(str(out / "topology.cif"))
    np.testing.assert_allclose(trajectory.xyz[-1], topology.xyz[0], atol=1e-3)
    assert trajectory.unitcell_lengths is None
    assert [row["instance"] for row in rows] == [str(i + 1) for i in range(len(rows))]

    density = cgp.read_mrc(out / "density.mrc").data.astype(float)
    instances = cgp.read_mrc(out / "instances.mrc").data
    scene = cgp.load_scene(out / "scene.npz")
    for i, row in enumerate(rows):
        centre = np.array([float(row[f"{axis}_angst"]) for axis in "xyz"]) / 10
        rotation = cgp.core.from_zyz(
            np.radians([[float(row[f"{k}_deg"]) for k in ("alpha", "beta", "gamma")]])
        )[0]
        model = scene.model(i)
        balls = topology.xyz[0][scene.balls(i)]
        if model.is_rigid:
            wanted = model.positions @ rotation.T + centre
            np.testing.assert_allclose(balls, wanted, atol=2e-3)
        mask = instances == i + 1
        voxels = np.argwhere(mask)[:, ::-1]
        weight = density[mask]
        found = (voxels * weight[:, None]).sum(axis=0) / weight.sum()
        # Neighbours' density reaches into a mask, hence a voxel of room.
        if model.is_rigid:
            assert np.linalg.norm(found - centre) < 1.0
        species = [m.name for m in scene.species]
        semantic = cgp.read_mrc(out / "semantic.mrc").data[mask]
        assert (semantic == species.index(row["species"]) + 1).all()


def test_the_picture_is_a_png(finished):
    assert (finished[0] / "overview.png").read_bytes().startswith(b"\x89PNG")


def test_the_packed_scene_loads(finished):
    packed = cgp.load_packed(finished[0] / "packed.npz")
    origin = finished[1]["density"]["origin_in_scene_nm"]
    topology = mdtraj.load(str(finished[0] / "topology.cif"))
    np.testing.assert_allclose(packed.positions - origin, topology.xyz[0], atol=1e-4)


def test_the_same_seed_gives_the_same_bytes_also_from_the_resolved_recipe(finished, tmp_path):
    out, manifest = finished
    again = run(out / "recipe.toml", tmp_path / "again")
    assert again["files"] == manifest["files"]


def test_another_index_is_another_scene(finished, tmp_path):
    recipe = small(structures=small().structures[:1], files=Files(overview=False))
    first, second = (run(recipe, tmp_path / str(i), index=i) for i in (0, 1))
    for name in ("scene.npz", "packed.npz", "tomogram.mrc", "particles.csv"):
        assert first["files"][name] != second["files"][name]
    assert load_recipe(tmp_path / "1" / "recipe.toml").index == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_run_that_ends_before_there_is_anything_leaves_nothing(tmp_path, error):
    def fail(stage, made):
        raise error

    with pytest.raises(error):
        run(small(structures=(Filament(n_balls=6),)), tmp_path / "out", hook=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_run_does_not_overwrite_unasked(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(FileExistsError, match="no folder that a run wrote"):
            run(small(), out, force=force)
    # Another program has a manifest.json, too.
    (out / MANIFEST).write_text('{"format": "webpack"}')
    with pytest.raises(FileExistsError, match="no folder that a run wrote"):
        run(small(), out, force=True)
    (out / MANIFEST).write_text('{"format": "openmm_cgpack run"}')
    with pytest.raises(FileExistsError, match="force=True to replace it"):
        run(small(), out)
    with pytest.raises(FileExistsError, match=r"thesis\.txt: is not the run's"):
        run(small(), out, force=True)
    assert (out / "thesis.txt").read_text() == "years of work"


def test_force_keeps_the_old_folder_until_the_new_one_is_whole(tmp_path):
    out, inside = tmp_path / "out", tmp_path / "work"
    out.mkdir()
    inside.mkdir()
    old, new = ({"format": "openmm_cgpack run", "name": name} for name in ("old", "new"))
    (out / MANIFEST).write_text(json.dumps(old))

    def write(error=None):
        with whole_folder(out, force=True, inside=inside) as folder:
            (folder / MANIFEST).write_text(json.dumps(new))
            if error is not None:
                raise error

    with pytest.raises(KeyboardInterrupt):
        write(KeyboardInterrupt())
    assert json.loads((out / MANIFEST).read_text()) == old
    write()
    assert json.loads((out / MANIFEST).read_text()) == new
    assert sorted(tmp_path.iterdir()) == [out, inside]
