"""The protocol for cells, on a small one."""

import dataclasses
from contextlib import suppress

import numpy as np
import openmm
import pytest
from cells import RADIUS, small_cell
from dense_scenes import blob

from openmm_cgpack.core import (
    BallModel,
    Links,
    Open,
    PackingError,
    Periodic,
    RigidTransforms,
    Scene,
)
from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.forces import ForceTerm
from openmm_cgpack.packing import (
    Cell,
    FrameReporter,
    Run,
    Settling,
    deepest_overlap,
    pack_scene,
    place,
    remove_clashes,
)
from openmm_cgpack.poses import crossings, extract_transforms

ONE_THREAD = Run(platform="CPU", threads=1)
SHORT = Cell(settling=Settling(steps=90, block=20, checkpoint_every=40))


@pytest.fixture(scope="module")
def scene():
    return small_cell()


class Cut(Exception):
    """Stands for the end of a process."""


def cut_after(blocks):
    """Return a watch that raises at the last of so many blocks."""
    left = iter(range(blocks - 1))

    def watch(block):
        if next(left, None) is None:
            raise Cut

    return watch


@pytest.mark.parametrize("beside", [0, 3])
def test_a_ball_wider_than_a_quarter_of_the_box(beside):
    # OpenMM's own search wants edges of twice the distance at which balls touch: 38 nm here.
    globe = BallModel(
        name="globe", positions=np.zeros((1, 3)), radii=[9.5], masses=[5000.0], volume=3600.0
    )
    counts = [(globe, 1)] + [(blob(), beside)] * (beside > 0)
    start = place(counts, boundary=Periodic(box=30.0), seed=1)
    packed = pack_scene(start, SHORT, run=ONE_THREAD, seed=1)
    assert np.linalg.norm(packed.positions - start.positions, axis=1).max() > 0.01
    assert deepest_overlap(start, packed.positions) < 0.02


def test_everything_moves_and_nothing_passes(scene):
    packed = pack_scene(scene, SHORT, run=ONE_THREAD, seed=1)
    moved = np.linalg.norm(packed.positions - scene.positions, axis=1)
    assert all(moved[scene.balls(i)].max() > 0.05 for i in range(scene.n_instances))
    assert crossings(packed).total == 0
    assert extract_transforms(packed).rms[1:14].max() < 1e-4
    assert packed.provenance["clash_removal"]["points_too_close"] == 0
    assert packed.provenance["dynamics"]["steps"] == 130
    assert packed.boundary is scene.boundary
    assert packed.history.step.tolist() == [0, 42, 65, 87, 110, 130, 130]
    # The dynamics is hot: a vesicle of 177 balls has about kT for each.
    assert packed.history.energy[3] > 300


def test_cut_off_and_gone_on_equals_uninterrupted(tmp_path):
    """With a ball that is listed apart from the others, too."""
    scene = small_cell(large=5.0)
    whole_frames = FrameReporter(15)
    whole = pack_scene(scene, SHORT, run=ONE_THREAD, seed=1, reporters=[whole_frames])
    cuts = 0
    while cuts < 20:
        frames = FrameReporter(15)
        with suppress(Cut):
            parts = pack_scene(
                scene,
                SHORT,
                run=ONE_THREAD,
                seed=1,
                reporters=[frames],
                checkpoint=tmp_path / "c.npz",
                watch=cut_after(4),
            )
            break
        cuts += 1
    assert cuts > 1
    assert np.array_equal(parts.positions, whole.positions)
    assert parts.provenance == whole.provenance
    assert np.array_equal(parts.history.energy, whole.history.energy)
    assert np.abs(parts.positions[-1] - scene.positions[-1]).max() > 0.1
    assert np.array_equal(frames.frames, whole_frames.frames)


def test_it_can_be_stopped(scene):
    packed = pack_scene(scene, SHORT, run=ONE_THREAD, seed=1, watch=lambda b: b.step >= 40)
    assert packed.provenance["stopped"] == "settling"
    assert packed.provenance["dynamics"]["steps"] == 40


@kind("drag")
class Drag(ForceTerm):
    """Pulls an instance to a plane of x."""

    instance: int = setting("which", default=1)
    pull: float = setting("force on each of its balls", default=0.0)
    to: float = setting("where to", default=0.0)

    def build(self, scene, rigidity):
        force = openmm.CustomExternalForce(f"{self.pull!r}*abs(x - {self.to!r})")
        for ball in np.arange(scene.n_balls)[scene.balls(self.instance)].tolist():
            force.addParticle(ball)
        return force


def test_a_molecule_that_a_force_drags_through_a_membrane_fails_the_packing(scene):
    dragged = dataclasses.replace(SHORT, forces=(Drag(pull=1e5, to=RADIUS + 5),))
    words = r"passed through a membrane: instance 2 \(inner\) .* of instance 1 \(vesicle\)"
    with pytest.raises(PackingError, match=words) as raised:
        pack_scene(scene, dragged, run=ONE_THREAD, seed=1)
    assert crossings(raised.value.best).total > 0


def test_overlaps_that_stay_fail_the_packing(scene):
    """Two molecules are held in one place by forces of the user's."""
    held = Cell(
        settling=Settling(steps=0, patience=100, limit=0.01),
        forces=tuple(Drag(instance=instance, pull=3e4) for instance in (1, 4)),
    )
    with pytest.raises(PackingError, match=r"balls stand 0\.\d+ nm in each other, wanted 0\.01"):
        pack_scene(scene, held, run=ONE_THREAD, seed=1)


def test_an_open_scene_is_refused(scene):
    with pytest.raises(ValueError, match="protocol: Cell: is for scenes in a Periodic or Slab"):
        pack_scene(dataclasses.replace(scene, boundary=Open()), SHORT, seed=1)


def pair(links):
    """Return two molecules in each other."""
    model = blob("a")
    return Scene(
        species=(model,),
        species_index=[0, 0],
        transforms=RigidTransforms(
            rotations=np.tile(np.eye(3), (2, 1, 1)), translations=[[0, 0, 0], [1.2, 0, 0]]
        ),
        boundary=Periodic(box=20.0),
        links=links,
    )


def test_partners_do_not_push_each_other():
    joined = pair(Links(pairs=[[0, 5]], lengths=[1.2], constants=[100.0], slacks=[0.0]))
    leashed = pair(Links(pairs=[[0, 5]], lengths=[1.2], constants=[100.0], slacks=[3.0]))
    assert deepest_overlap(joined, joined.positions) == 0
    assert deepest_overlap(leashed, leashed.positions) > 0.2
    assert np.allclose(remove_clashes(joined).positions, joined.positions, atol=1e-12)
    apart = remove_clashes(leashed)
    assert apart.provenance["clash_removal"]["points_too_close"] == 0
    assert not np.allclose(apart.positions, leashed.positions)
