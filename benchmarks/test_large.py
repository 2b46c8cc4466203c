"""What a scene of 20 000 molecules costs a molecule, stage by stage, beside one of 1000."""

import dataclasses
import resource
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from openmm_cgpack import (
    SHAPE_COVER,
    Dense,
    Molecule,
    OneStep,
    PackedScene,
    Recipe,
    RigidTransforms,
    Run,
    Scene,
    Slab,
    as_packed,
    audit,
    coarse_grain,
    extract_transforms,
    insert,
    library,
    pack_scene,
    render,
    simulate,
)
from openmm_cgpack.core import History
from openmm_cgpack.density import (
    Labels,
    particle_table,
    render_density,
    render_labels,
    visibility,
)
from openmm_cgpack.draw import overview_figure, save_figure
from openmm_cgpack.export import Format, ground_truth
from openmm_cgpack.imaging import TiltImaging
from openmm_cgpack.io import (
    load_packed,
    save_packed,
    write_bild,
    write_mrc,
    write_particles,
    write_topology,
    write_trajectory,
)
from openmm_cgpack.packing import Start, fit_box
from openmm_cgpack.recipe import Files
from openmm_cgpack.runs import STAGES
from openmm_cgpack.runs.folder import TOMOGRAM
from openmm_cgpack.runs.outputs import write_outputs
from openmm_cgpack.runs.size import run_size

LARGEST = (
    *("1aon", "1bxn", "1bxr", "1f1b", "1g3i", "1gyt", "1oel", "1u6g", "1w6t", "1yg6"),
    *("2bo9", "2byu", "2cg9", "2gho", "2h12", "2r9r", "3j9i", "4v4r", "5gjv", "6cnj"),
)
"""The twenty largest species of the library; as many copies of each as it is large."""

FRACTION = 0.25
"""What a large scene is packed to."""

LOOSE = 0.21
"""What the scene is inserted to that is laid side by side for all that follows the packing."""

CLEAR = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")


class Stages:
    """CPU time and peak memory of stages at two sizes, as rows of a table."""

    def __init__(self):
        self.found = {}

    def run(self, scene, what, function, *, files=()):
        """Run a stage of a scene; `files` are what it writes, files or folders."""
        n = scene.n_instances
        if CLEAR.exists():
            CLEAR.write_text("5", encoding="utf-8")
        start = time.process_time()
        result = function()
        seconds = time.process_time() - start
        written = sum(p.stat().st_size for f in files for p in (f, *f.rglob("*")) if p.is_file())
        self.found.setdefault(what, {})[n] = 1e3 * seconds / n, peak(), written
        print(f"{what}, {n}: {1e3 * seconds / n:.3f} ms a molecule, {peak():.2f} GiB")
        return result

    def rows(self):
        """Return the rows."""
        rows = []
        for what, by_size in self.found.items():
            (few, (before, _, small)), (many, (after, most, large)) = sorted(by_size.items())
            rows.append(
                {
                    "stage": what,
                    f"{few}: ms a molecule": f"{before:.3g}",
                    f"{many}: ms a molecule": f"{after:.3g}",
                    "ratio": f"{after / max(before, 1e-9):.2f}",
                    f"{many}: s": f"{after * many / 1e3:.3g}",
                    "peak memory, GiB": f"{most:.2f}",
                    "MB written": f"{large / 1e6:.3g}" if large else "",
                }
            )
            if large:
                # What is written grows with what is in the scene.
                assert large / many < 1.3 * small / few
        return rows


def peak():
    """Return the largest memory of the process since the stage began, GiB, or since ever."""
    if CLEAR.exists():
        lines = STATUS.read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@pytest.fixture(scope="module")
def counts(full):
    """Return models and how many of each, of 1000 molecules or of a few."""
    names = LARGEST if full else ("2bo9", "1f1b", "2h12")
    models = [coarse_grain(library.load(name), SHAPE_COVER, seed=1) for name in names]
    shares = np.array([model.volume for model in models])
    n = 1000 if full else 30
    held = np.floor(n * shares / shares.sum()).astype(int)
    held[: n - held.sum()] += 1
    return list(zip(models, held.tolist(), strict=True))


@pytest.fixture(scope="module")
def tiles(full):
    """Return how often the small scene is in the large one along x and y."""
    return (4, 5) if full else (1, 2)


@pytest.fixture(scope="module")
def scenes(counts, tiles, full):
    """Return a slab, and the same beside itself: as dense, and everything in it many times."""
    # A few large ones find no room where many find it.
    box = fit_box(counts, fraction=LOOSE if full else 0.12, shape=slab(counts))
    small = insert(counts, boundary=box, seed=1)
    steps = np.array([(x, y, 0) for x in range(tiles[0]) for y in range(tiles[1])]) * box.box
    steps -= steps.mean(axis=0)
    index = np.tile(small.species_index, len(steps))
    order = np.argsort(index, kind="stable")
    places = (small.transforms.translations + steps[:, None]).reshape(-1, 3)
    turns = np.tile(small.transforms.rotations, (len(steps), 1, 1))
    large = Scene(
        species=small.species,
        species_index=index[order],
        transforms=RigidTransforms(rotations=turns[order], translations=places[order]),
        boundary=box.scaled((*tiles, 1)),
    )
    return placed(small), placed(large)


def slab(counts, width=600.0):
    """Return the shape of the slab: that of 600 x 600 x 150 nm of 20 000 molecules."""
    n = sum(count for _, count in counts)
    edge = width * np.sqrt(n / 20_000) if n >= 1000 else 150.0
    return Slab(box=(edge, edge, 150.0))


def placed(scene):
    """Return a scene as packed, without a look at it."""
    row = {key: [0.0] for key in ("radius_of_gyration", "fraction", "overlap", "energy")}
    return PackedScene(
        scene=scene,
        positions=scene.positions,
        boundary=scene.boundary,
        history=History(step=[0], **row),
    )


def note(scenes):
    """Return what the scenes are."""
    small, large = (packed.scene.boundary.box for packed in scenes)
    words = (" x ".join(f"{edge:.0f}" for edge in box) for box in (small, large))
    balls = scenes[1].scene.n_balls
    return f"Slabs of {' and '.join(words)} nm at {LOOSE}, {balls} balls in the larger; CPU time."


@pytest.mark.slow
def test_large_files(scenes, record, tmp_path):
    """The scene itself, its poses, and the files that grow with it."""
    stages = Stages()
    for packed in scenes:
        make_files(stages, packed, tmp_path)
    record(stages.rows(), note=note(scenes))


def make_files(stages, packed, folder):
    """Run what makes and reads the files of one scene."""
    scene, places = packed.scene, packed.positions

    def do(what, function, *names):
        return stages.run(scene, what, function, files=[folder / name for name in names])

    again = dataclasses.replace(scene)
    do("`as_packed`, with the deepest overlap", lambda: as_packed(again))
    path = folder / "packed.npz"
    do("`packed.npz`", lambda: save_packed(path, packed), path.name)
    assert do("`load_packed`", lambda: load_packed(path)).scene.n_balls == scene.n_balls
    do("`extract_transforms`", lambda: extract_transforms(packed))
    for name, write in (("topology.cif", write_topology), ("balls.bild", write_bild)):
        do(f"`{name}`", partial(write, folder / name, scene, places), name)
    path = folder / "trajectory.dcd"
    do("`trajectory.dcd`, two frames", lambda: write_trajectory(path, [places] * 2), path.name)


@pytest.mark.slow
def test_large_maps(scenes, record, tmp_path):
    """Density, masks, lists, tomogram and picture."""
    stages = Stages()
    for packed in scenes:
        folder = tmp_path / f"{packed.scene.n_instances}"
        folder.mkdir()
        make_maps(stages, packed, folder)
    record(stages.rows(), note=note(scenes))


def make_maps(stages, packed, folder):
    """Run what is drawn of one scene, and what is written of that."""

    def do(what, function, *names):
        return stages.run(packed.scene, what, function, files=[folder / name for name in names])

    density = do("`render_density`", lambda: render_density(packed))
    labels = do("`render_labels`", lambda: render_labels(packed, grid=density.grid))
    do("`visibility`", lambda: visibility(packed, grid=density.grid))
    table = do("`particle_table`", lambda: particle_table(packed, grid=density.grid))
    path = folder / "particles.csv"
    do("`particles.csv`", lambda: write_particles(path, table), path.name)
    volumes = {"density": density, "instances": labels.instances, "semantic": labels.semantic}
    for name, volume in volumes.items():
        do(f"`{name}.mrc`", partial(write_mrc, folder / f"{name}.mrc", volume), f"{name}.mrc")
    tomogram = do("`render`, `OneStep`", lambda: render(density, OneStep(), seed=1)).tomogram
    shown = {"density": density, "labels": labels.semantic, "tomogram": tomogram}
    path = folder / "overview.png"
    do("`overview.png`", lambda: save_figure(path, overview_figure(packed, **shown)), path.name)


@pytest.mark.slow
def test_large_exports(scenes, tiles, record, tmp_path):
    """Every format; volumes of the larger scene are those of the small one side by side."""
    stages = Stages()
    small, large = scenes
    density = render_density(small)
    tomogram = render(density, OneStep(), seed=1).tomogram
    labels = render_labels(small, grid=density.grid)
    maps = {"density": density, "tomogram": tomogram}
    make_exports(stages, small, labels, maps, tmp_path / "small")
    maps = {name: beside_itself(volume, tiles) for name, volume in maps.items()}
    many = labels_beside(labels, scenes, tiles)
    # The masks of the larger scene are in their places.
    assert owned(large, many) == pytest.approx(owned(small, labels), abs=0.02)
    make_exports(stages, large, many, maps, tmp_path / "large")
    record(stages.rows(), note=note(scenes))


def make_exports(stages, packed, labels, maps, folder):
    """Write one scene in all formats."""

    def do(what, function, *names):
        return stages.run(packed.scene, what, function, files=[folder / name for name in names])

    truth = do(
        "`ground_truth`", lambda: ground_truth(packed, labels=labels, maps=maps, name="large")
    )
    for name, kind in Format.kinds.items():
        one = kind()
        if one.refuses(truth) is None:
            (folder / name).mkdir(parents=True)
            do(f"`{name}`", partial(one.write, folder / name, truth), name)


def owned(packed, labels):
    """Return which part of the molecules own the voxel in their middle; hollow ones do not."""
    middles = packed.boundary.wrap(packed.scene.transforms.translations)
    data, grid = labels.instances.data, labels.instances.grid
    x, y, z = np.rint(grid.to_voxels(middles)).astype(int).T % np.array(data.shape[::-1])[:, None]
    return float((data[z, y, x] == np.arange(len(middles)) + 1).mean())


def beside_itself(volume, tiles):
    """Return a volume many times along x and y."""
    data = np.tile(volume.data, (1, *tiles[::-1]))
    size = np.array([*data.shape[::-1]]) * volume.voxel_size
    origin = (volume.voxel_size - size) / 2
    return dataclasses.replace(volume, data=data, origin=origin)


def labels_beside(labels, scenes, tiles):
    """Return masks many times along x and y, with the numbers of the larger scene."""
    small, large = (packed.scene for packed in scenes)
    times = large.n_instances // small.n_instances
    # The larger scene has the instances of all tiles by species.
    order = np.argsort(np.tile(small.species_index, times), kind="stable")
    numbers = (np.argsort(order) + 1).reshape(*tiles, -1)
    blocks = [
        [np.concatenate([[0], numbers[x, y]])[labels.instances.data] for x in range(tiles[0])]
        for y in range(tiles[1])
    ]
    data = np.block(blocks).astype(np.uint16)
    instances = beside_itself(labels.instances, tiles)
    return Labels(
        instances=dataclasses.replace(instances, data=data),
        semantic=beside_itself(labels.semantic, tiles),
    )


@pytest.mark.slow
def test_large_audit(scenes, record):
    """Everything that an audit measures."""
    stages = Stages()
    for packed in scenes:
        found = stages.run(packed.scene, "`audit`", partial(audit, packed))
        assert found.n_instances == packed.scene.n_instances
    record(stages.rows(), note=note(scenes))


@pytest.mark.slow
def test_large_packing(counts, tiles, full, record):
    """To a fraction, start to clean."""
    stages = Stages()
    for times in (1, tiles[0] * tiles[1]):
        many = [(model, times * count) for model, count in counts]
        fraction = FRACTION if full else 0.15
        start = Start(boundary="slab", box=fit_box(many, fraction=fraction, shape=slab(many)).box)
        began = time.process_time()
        scene = start.scene(many, fraction=fraction, seed=1)
        inserting = time.process_time() - began
        # The same again would take as long as the first time.
        stages.found.setdefault("the start in its box", {})[scene.n_instances] = (
            1e3 * inserting / scene.n_instances,
            peak(),
            0,
        )
        dense = Dense(fraction=start.reached(scene, fraction))
        packed = stages.run(
            scene,
            f"`pack_scene`, `Dense(fraction={fraction})`",
            lambda s=scene, d=dense: pack_scene(s, d, run=Run(platform="CPU"), seed=1),
        )
        assert packed.scene.volume / packed.boundary.volume == pytest.approx(fraction, rel=0.005)
    record(stages.rows(), note=f"{len(counts)} species, to {fraction}; CPU time.")


MADE_BY = {
    "scene.npz": ("models", "placement"),
    "packed.npz": ("placement", "packing"),
    "topology.cif": ("placement", "packing"),
    "trajectory.dcd": ("placement", "packing"),
    "balls.bild": ("placement", "packing"),
    "balls.cmm": ("placement", "packing"),
    "density": ("density",),
    "instances": ("labels",),
    "semantic": ("labels",),
    "tomogram": ("tomogram",),
    "particles.csv": ("poses", "labels"),
    "overview.png": ("placement", "packing", "density", "labels", "tomogram"),
}
"""The stages whose work a file shows; further files, as those of a tilt series, are of these."""


@pytest.mark.slow
def test_files_of_a_run(full, record, tmp_path):
    """Every file of a slab with a tilt series: how large it is, and what it takes to write."""
    names, box = (
        (LARGEST, (512.0, 512.0, 200.0)) if full else (("3hhb", "1f1b"), (64.0, 64.0, 40.0))
    )
    n = 4000 if full else 12
    recipe = Recipe(
        structures=tuple(Molecule(species=name, count=n // len(names)) for name in names),
        start=Start(boundary="slab", box=box),
        pack=Dense(),
        imaging=TiltImaging(),
        files=Files(trajectory=True, bild=True, cmm=True),
        run=Run(platform="CPU", threads=1),
    )
    stages, began = {}, time.process_time()

    def hook(stage, made):
        nonlocal began
        stages[stage] = time.process_time() - began
        began = time.process_time()

    made = simulate(recipe, hook=hook)
    seconds = write_outputs(made, tmp_path, final=tmp_path, clock=time.process_time)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    rows = []
    for name, taken in sorted(seconds.items(), key=lambda pair: -_size_of(pair[0], sizes)):
        made_by = MADE_BY.get(name.removesuffix(".mrc"), ())
        computed = sum(stages[stage] for stage in made_by)
        rows.append(
            {
                "file": f"`{name}`" + (", tilt series and tables" if name == TOMOGRAM else ""),
                "MB": f"{_size_of(name, sizes) / 1e6:.3g}",
                "written in, s": f"{taken:.2g}",
                "made by": ", ".join(made_by),
                "in, s": f"{computed:.3g}" if made_by else "",
                "asked for": "yes" if name in ASKED else "",
            }
        )
        # The smallest scenes take less than matplotlib's first picture.
        assert not full or not made_by or taken <= computed, name
    balls = made.packed.scene.n_balls
    edges = " x ".join(f"{edge:.0f}" for edge in box)
    record(rows, note=f"{n} molecules, {balls} balls, in {edges} nm, one thread; CPU time.")
    # A topology is as long as there are balls, whatever keeps the shape of their bodies.
    assert sizes["topology.cif"] < 200 * balls + 2000
    assert stages.keys() == STAGES.keys()


ASKED = ("topology.cif", "trajectory.dcd", "balls.bild", "balls.cmm")


def _size_of(name, sizes):
    """Return the bytes of what is written together under a name."""
    if name == TOMOGRAM:
        return sum(size for file, size in sizes.items() if file.startswith(("tomogram", "tilt")))
    # A mask is a file of one suffix or another.
    return sizes.get(name) or sizes[f"{name}.mrc"]


@pytest.mark.slow
def test_large_million(counts, record):
    """What a run is said to take, for more and more molecules at one density."""
    sizes = {}
    for n in (1000, 20_000, 1_000_000):
        scale = n / sum(count for _, count in counts)
        many = [(model, round(scale * count)) for model, count in counts]
        recipe = Recipe(
            structures=tuple(Molecule(species=m.name, count=count) for m, count in many),
            start=Start(
                boundary="slab", box=fit_box(many, fraction=FRACTION, shape=slab(many)).box
            ),
            pack=Dense(fraction=FRACTION),
        )
        for part in run_size(recipe, many):
            sizes.setdefault(part.what, {})[n] = part.memory / 2**30, part.disk / 1e9
    rows = [
        {"what": what}
        | {f"{n}: memory, GiB": f"{memory:.3g}" for n, (memory, _) in held.items()}
        | {f"{n}: disk, GB": f"{disk:.3g}" for n, (_, disk) in held.items()}
        for what, held in sizes.items()
    ]
    record(rows, note=f"{len(counts)} species, at {FRACTION}, voxels of 1 nm, `OneStep`.")
    # Everything but pictures grows with the scene, and the frame of the filter less than it.
    for what, held in sizes.items():
        grown = [held[1_000_000][k] / held[1000][k] for k in (0, 1) if held[1000][k]]
        assert max(grown, default=0) < 1010, what
