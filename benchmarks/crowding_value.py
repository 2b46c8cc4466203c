"""What crowding in the training data is worth, and how many tomograms it takes.

One network learns four kinds of molecules from tomograms whose volume fraction is 0.05, 0.15 or
0.30, or all three; and is asked to find them in others of 0.05 to 0.35, among the neighbours that
it knows from its training and among such as it has never seen. A tomogram always has the same
number of the four: what changes from fraction to fraction is the crowd around them, which counts
as background. Beside it stands picking by a difference of Gaussians. Then the same network learns
from 1 to 50 tomograms.

``python benchmarks/crowding_value.py FOLDER`` keeps every tomogram and every trained model in the
folder, and goes on from there when it is called again; ``--size large`` is for a GPU. The table
and the figure of the docs are made by ``--docs``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from crowding_report import figure_of, tables
from scipy.ndimage import gaussian_filter

import openmm_cgpack as cgp
from openmm_cgpack import evaluation as ev
from openmm_cgpack.draw import save_figure
from openmm_cgpack.io.files import atomic_folder, write_text
from openmm_cgpack.packing import compress

DOCS = Path(__file__).resolve().parents[1] / "docs"

TARGETS = ("3j9i", "1oel", "1bxn", "1f1b")
"""20S proteasome, GroEL, RuBisCO and ATCase: rings and shells of 290 to 710 kDa."""
CROWDS = {
    "known": ("1bxr", "1gyt", "1g3i", "1yg6", "2byu", "2gho", "2h12", "1w6t"),
    "new": ("4v4r", "1u6g", "2bo9", "2cg9", "3d2f", "3h84", "5gjv", "6cnj"),
}
"""Neighbours: those of the training, and those of tests alone."""
TARGET_SHARE = 0.03
"""Volume fraction of the four, as many of each: the rest is crowd."""
EASY = 0.20
"""Fraction that is reached by insertion alone; beyond it the box shrinks."""
MIXED = "mixed"
RULE = ev.PaperRule(reach=0.5)
OF_SPECIES = ev.CziiRule(beta=1.0)
"""Both want a pick within half the radius; the second that it names the species, too."""
MARGIN = 4.0
"""nm; nearer to a face neither particles nor picks count."""
SMALLEST = 0.3
"""Pieces of a segmentation below this share of a molecule's volume are no picks."""
BLUR = 1.0
"""Standard deviation of the Gaussian that tomograms are filtered by, voxels, as is usual before
picking: a network that has few steps does not have to learn it."""
DOG_WIDTHS = (3.0, 4.0, 5.0, 6.0)
"""nm; that with the best F in each set of tests is taken, which favours DoG."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of the experiment."""

    box: tuple[float, float, float]
    voxel_size: float
    training: ev.Training
    fractions: tuple[float, ...] = (0.05, 0.15, 0.30)
    test_fractions: tuple[float, ...] = (0.05, 0.15, 0.25, 0.30, 0.35)
    pool: int = 17  # training scenes of each fraction
    tests: int = 2  # test scenes of each fraction and crowd
    n: int = 12  # training scenes of one network
    curve: tuple[int, ...] = (1, 4, 12, 50)
    curve_times: int = 4  # as long, so that many tomograms are seen often enough, too
    seeds: tuple[int, ...] = (1, 2, 3)

    def scenes(self) -> Iterator[Scene]:
        """Yield all scenes, those that take longest first."""
        for fraction in sorted({*self.fractions, *self.test_fractions}, reverse=True):
            if fraction in self.test_fractions:
                for crowd in CROWDS:
                    for number in range(self.tests):
                        yield Scene("test", fraction, crowd, number)
            if fraction in self.fractions:
                for number in range(self.pool):
                    yield Scene("train", fraction, "known", number)

    def models(self) -> Iterator[Model]:
        """Yield all trainings."""
        for seed in self.seeds:
            for train in (*(f"{fraction:.2f}" for fraction in self.fractions), MIXED):
                yield Model(train, self.n, seed)
        for times in (1, self.curve_times):
            for seed in self.seeds:
                for n in self.curve:
                    if (n, times) != (self.n, 1):
                        yield Model(MIXED, n, seed, times)


@dataclass(frozen=True)
class Scene:
    """A tomogram: what it is for, its volume fraction and crowd, and its number."""

    part: str
    fraction: float
    crowd: str
    number: int

    def __str__(self) -> str:
        return f"{self.part}_{self.fraction:.2f}_{self.crowd}_{self.number:03d}"


@dataclass(frozen=True)
class Model:
    """A training: of which fraction or `MIXED`, of how many tomograms, its seed and length.

    The seed draws the tomograms from the pool, the weights and the cubes; the training is so many
    times as long as the plan's.
    """

    train: str
    n: int
    seed: int
    times: int = 1

    def __str__(self) -> str:
        longer = "" if self.times == 1 else f"_x{self.times}"
        return f"{self.train}_{self.n:03d}_{self.seed}{longer}"

    def scenes(self, plan: Plan) -> list[Scene]:
        """Return the tomograms to learn from; of mixed ones as many of each fraction as goes."""
        rng = np.random.default_rng(self.seed)
        orders = {f: rng.permutation(plan.pool) for f in plan.fractions}
        fractions = [f for f in plan.fractions if self.train in (MIXED, f"{f:.2f}")]
        turns = [fractions[i] for i in rng.permutation(len(fractions))]
        chosen = [(turns[i % len(turns)], i // len(turns)) for i in range(self.n)]
        return [Scene("train", f, "known", int(orders[f][number])) for f, number in chosen]


_SMALL = ev.Training(
    network=ev.Network(width=8),
    cubes=ev.RandomCubes(edge=24, per_epoch=80),
    batch=4,
    max_epochs=15,
    patience=15,
)
PLANS = {
    "tiny": Plan(
        box=(72.0, 72.0, 48.0),
        voxel_size=2.0,
        training=dataclasses.replace(
            _SMALL, cubes=ev.RandomCubes(edge=16, per_epoch=80), max_epochs=4
        ),
        test_fractions=(0.05, 0.15),
        fractions=(0.05, 0.15),
        pool=2,
        tests=1,
        n=2,
        curve=(1, 2),
        seeds=(1, 2),
    ),
    # The first zero of the contrast transfer at 4 um is at 2.8 nm: voxels of 1.5 nm lose little.
    "standard": Plan(box=(96.0, 96.0, 66.0), voxel_size=1.5, training=_SMALL),
    "large": Plan(
        box=(160.0, 160.0, 100.0),
        voxel_size=1.0,
        training=dataclasses.replace(ev.LARGE, max_epochs=40),
        test_fractions=(0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35),
        pool=67,
        tests=5,
        n=36,
        curve=(1, 2, 5, 10, 20, 50, 100, 200),
        seeds=(1, 2, 3, 4, 5),
    ),
}


@cache
def ball_model(name: str) -> cgp.BallModel:
    """Return a molecule of the library."""
    return cgp.coarse_grain(cgp.library.load(name), cgp.SHAPE_COVER, seed=1)


def volume_of(names: Iterable[str]) -> float:
    """Return the volume of one molecule of each name, nm³."""
    return sum(ball_model(name).volume for name in names)


def packed_scene(plan: Plan, scene: Scene, seed: np.random.SeedSequence) -> cgp.PackedScene:
    """Pack the targets and their crowd into the box, to the scene's fraction."""
    crowd, room = CROWDS[scene.crowd], float(np.prod(plan.box))
    n_targets = max(1, round(TARGET_SHARE * room / volume_of(TARGETS)))
    rest = scene.fraction * room - n_targets * volume_of(TARGETS)
    n_crowd = max(0, round(rest / volume_of(crowd)))
    counts = [
        *((ball_model(name), n_targets) for name in TARGETS),
        *((ball_model(name), n_crowd) for name in crowd),
    ]
    grown = max(1.0, scene.fraction / EASY) ** (1 / 3)
    start, motion = seed.spawn(2)
    inserted = cgp.insert(
        counts, boundary=cgp.Periodic(box=tuple(grown * np.array(plan.box))), seed=start
    )
    if grown == 1.0:
        return cgp.as_packed(inserted)
    reached = inserted.volume / room
    run = cgp.Run(platform="CPU", threads=1)
    # Overlaps of a few hundredths of a nanometre are left: nothing that such voxels show.
    return compress(inserted, fraction=reached, run=run, seed=motion)


def make_scene(folder: Path, plan: Plan, scene: Scene) -> dict[str, float]:
    """Make a tomogram with its labels and particles, and say how long it took."""
    place = folder / "scenes" / str(scene)
    if not place.exists():
        start = time.process_time()
        crowds, fractions = list(CROWDS), round(1000 * scene.fraction)
        key = (("train", "test").index(scene.part), fractions, crowds.index(scene.crowd))
        packing, noise = np.random.SeedSequence(1, spawn_key=(*key, scene.number)).spawn(2)
        packed = packed_scene(plan, scene, packing)
        shape = cgp.MapSettings(voxel_size=plan.voxel_size, resolution=2 * plan.voxel_size)
        density = cgp.render_density(packed, shape)
        labels = cgp.render_labels(packed, shape, grid=density.grid)
        tomogram = cgp.render(density, "titan_krios_k3", seed=noise).tomogram
        with atomic_folder(place) as new:
            cgp.write_mrc(new / "tomogram.mrc", tomogram)
            cgp.write_mrc(new / "labels.mrc", labels.semantic)
            cgp.write_particles(
                new / "particles.csv", cgp.particle_table(packed, grid=density.grid)
            )
            about = {
                "fraction": float((labels.semantic.data > 0).mean()),
                "seconds": time.process_time() - start,
            }
            write_text(new / "about.json", json.dumps(about))
    return json.loads((place / "about.json").read_text(encoding="utf-8"))


def load_scene(folder: Path, scene: Scene) -> tuple[ev.LabelledTomogram, cgp.ParticleTable]:
    """Return a tomogram with its labels, the targets as classes, and all its particles."""
    place = folder / "scenes" / str(scene)
    labels = cgp.read_mrc(place / "labels.mrc")
    named = dataclasses.replace(labels, names=(*TARGETS, *CROWDS[scene.crowd]))
    volume = cgp.read_mrc(place / "tomogram.mrc")
    blurred = dataclasses.replace(volume, data=gaussian_filter(volume.data, BLUR))
    tomogram = ev.LabelledTomogram(volume=blurred, labels=named, classes=TARGETS)
    return tomogram, cgp.read_particles(place / "particles.csv")


def load_tests(
    folder: Path, plan: Plan
) -> Iterator[tuple[Scene, ev.LabelledTomogram, cgp.ParticleTable]]:
    """Yield the scenes that are tested on, and what was made of them."""
    for scene in plan.scenes():
        if scene.part == "test":
            yield scene, *load_scene(folder, scene)


def inner_counts(
    picks: ev.Picks, truth: cgp.ParticleTable, rule: ev.MatchingRule, volume: cgp.Volume
) -> np.ndarray:
    """Return the true and false positives and false negatives away from the faces, (3,)."""
    pairs = ev.match_picks(picks, truth, rule).pairs

    def inside(points: np.ndarray) -> np.ndarray:
        low, high = MARGIN, volume.grid.size - volume.voxel_size - MARGIN
        return ((points >= low) & (points <= high)).all(axis=1)

    found = np.isin(np.arange(len(truth)), pairs[:, 1])
    used = np.isin(np.arange(len(picks)), pairs[:, 0])
    particles = inside(truth.centre)
    return np.array(
        [
            (particles & found).sum(),
            (inside(picks.positions) & ~used).sum(),
            (particles & ~found).sum(),
        ]
    )


def train_and_score(folder: Path, plan: Plan, model: Model) -> dict[str, float]:
    """Train a network, score it on all tests, and say how long both took."""
    kept = folder / "models" / f"{model}.json"
    if not kept.exists():
        import torch

        # As many threads as processes have cores: torch's own wait for each other.
        torch.set_num_threads(1)
        start = time.process_time()
        learnt = [load_scene(folder, scene) for scene in model.scenes(plan)]
        epochs = model.times * plan.training.max_epochs
        trained = ev.train_fcn(
            [tomogram for tomogram, _ in learnt],
            dataclasses.replace(plan.training, max_epochs=epochs, patience=epochs),
            seed=model.seed,
            checkpoint=kept.with_suffix(".training"),
        )
        trained_at = time.process_time()
        volumes = {name: SMALLEST * ball_model(name).volume for name in TARGETS}
        rows = []
        for scene, tomogram, particles in load_tests(folder, plan):
            truth = ev.select_particles(particles, species=TARGETS)
            found = ev.predict(trained.model, tomogram.volume)
            picks = ev.picks_of_labels(found, min_volume=volumes)
            confusion = ev.confusion_matrix(
                tomogram.truth(), found.data, n_classes=len(TARGETS) + 1
            )
            rows.append(
                {
                    "fraction": scene.fraction,
                    "crowd": scene.crowd,
                    "confusion": confusion.tolist(),
                    "species": inner_counts(picks, truth, OF_SPECIES, tomogram.volume).tolist(),
                    "any": inner_counts(picks, truth, RULE, tomogram.volume).tolist(),
                }
            )
        seconds = (trained_at - start, time.process_time() - trained_at)
        ev.save_model(kept.with_suffix(".pt"), trained.model)
        held = {
            "train": model.train,
            "n": model.n,
            "seed": model.seed,
            "times": model.times,
            "loss": trained.history[-1].loss,
            "seconds": seconds,
            "tests": rows,
        }
        write_text(kept, json.dumps(held))
        kept.with_suffix(".training").unlink()
    held = json.loads(kept.read_text(encoding="utf-8"))
    return {"seconds": sum(held["seconds"])}


def score_dog(folder: Path, plan: Plan) -> list[dict]:
    """Score DoG, given how many targets there are, and as many picks at random."""
    rows = []
    for scene, tomogram, particles in load_tests(folder, plan):
        truth = ev.select_particles(particles, species=TARGETS)
        chance = ev.random_picks(
            truth,
            len(truth),
            seed=scene.number,
            boundary=cgp.Periodic(box=tuple(tomogram.volume.grid.size)),
        )
        entry = {"fraction": scene.fraction, "crowd": scene.crowd}
        entry["random"] = inner_counts(chance, truth, RULE, tomogram.volume).tolist()
        for sigma in DOG_WIDTHS:
            for name, wanted in (("targets", truth), ("all", particles)):
                picker = ev.DogPicker(sigma=sigma, threshold=0.0, n_picks=len(wanted))
                picks = picker.pick(tomogram.volume)
                counts = inner_counts(picks, wanted, RULE, tomogram.volume)
                entry[f"{name}_{sigma:g}"] = counts.tolist()
        rows.append(entry)
    return rows


def in_processes(work: Callable, items: list, workers: int, name: str) -> None:
    """Do the work on every item, and print how far it is and how long the rest will take."""
    start, done, spent = time.monotonic(), 0, 0.0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = {pool.submit(work, item): item for item in items}
        for future in as_completed(waiting):
            about = future.result()
            done, spent = done + 1, spent + about["seconds"]
            passed = time.monotonic() - start
            print(
                f"{name} {done} of {len(items)}: {waiting[future]}, {about['seconds']:.0f} s of "
                f"processor; {passed / 60:.1f} min, about "
                f"{passed / done * (len(items) - done) / 60:.1f} to go",
                flush=True,
            )
    print(f"{name}: {spent / 60:.1f} min of processor in all", flush=True)


def pooled(rows: list[dict]) -> list[dict]:
    """Return the scores of a model by fraction and crowd, those of several tomograms added up."""
    keys = list(dict.fromkeys((row["fraction"], row["crowd"]) for row in rows))
    entries = []
    for fraction, crowd in keys:
        mine = [row for row in rows if (row["fraction"], row["crowd"]) == (fraction, crowd)]
        entry = {"fraction": fraction, "crowd": crowd}
        for name in mine[0]:
            if name == "confusion":
                total = np.sum([row[name] for row in mine], axis=0)
                scores = ev.SegmentationScores(confusion=total)
                entry["dice"] = [round(float(value), 4) for value in scores.dice[1:]]
            elif name not in entry:
                entry[name] = np.sum([row[name] for row in mine], axis=0).tolist()
        entries.append(entry)
    return entries


def results(folder: Path, plan: Plan) -> dict:
    """Return the scores of all models that are trained so far, and what they were measured on."""
    paths = [folder / "models" / f"{model}.json" for model in plan.models()]
    models = [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.exists()]
    scenes = [(scene, make_scene(folder, plan, scene)) for scene in plan.scenes()]
    tests = [(scene.fraction, about) for scene, about in scenes if scene.part == "test"]
    training = plan.training
    return {
        "box_nm": plan.box,
        "voxel_size_nm": plan.voxel_size,
        "scenes": len(scenes),
        "tests": plan.tests,
        "n": plan.n,
        "targets": max(1, round(TARGET_SHARE * np.prod(plan.box) / volume_of(TARGETS))),
        "steps": training.max_epochs * -(-training.cubes.number(()) // training.batch),
        "minutes": {
            "scenes": sum(about["seconds"] for _, about in scenes) / 60,
            "models": sum(sum(model["seconds"]) for model in models) / 60,
        },
        "reached": {
            f"{f:.2f}": round(float(np.mean([a["fraction"] for g, a in tests if g == f])), 4)
            for f in plan.test_fractions
        },
        "models": [model | {"tests": pooled(model["tests"])} for model in models],
        "dog": pooled(score_dog(folder, plan)),
    }


def main() -> None:
    """Run the experiment as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path, help="where tomograms, models and scores are kept")
    parser.add_argument("--size", choices=PLANS, default="standard")
    parser.add_argument("--workers", type=int, default=2, help="processes of a thread each")
    parser.add_argument("--seed", type=int, help="train with this seed alone, beside others")
    parser.add_argument("--scenes", action="store_true", help="make the tomograms alone")
    parser.add_argument("--report", action="store_true", help="of what is trained so far alone")
    parser.add_argument("--docs", action="store_true", help="write the docs' tables and figure")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    plan = PLANS[given.size]
    for name in ("scenes", "models"):
        (given.folder / name).mkdir(parents=True, exist_ok=True)
    scenes, models = list(plan.scenes()), list(plan.models())
    if given.seed is not None:
        models = [model for model in models if model.seed == given.seed]
    print(
        f"{len(scenes)} tomograms of {' x '.join(f'{edge:g}' for edge in plan.box)} nm at "
        f"{plan.voxel_size:g} nm, {len(models)} trainings of {plan.training.max_epochs} epochs of "
        f"{plan.training.cubes.number(())} cubes",
        flush=True,
    )
    if not given.report:
        in_processes(partial(make_scene, given.folder, plan), scenes, given.workers, "tomogram")
    if given.scenes:
        return
    if not given.report:
        work = partial(train_and_score, given.folder, plan)
        in_processes(work, models, given.workers, "training")
    held = results(given.folder, plan)
    write_text(given.folder / "results.json", json.dumps(held))
    if given.docs:
        write_text(DOCS / "tables" / "crowding_value.json", json.dumps(held))
        write_text(DOCS / "tables" / "crowding_value.md", tables(held))
        save_figure(DOCS / "images" / "crowding_value.png", figure_of(held))


if __name__ == "__main__":
    main()
