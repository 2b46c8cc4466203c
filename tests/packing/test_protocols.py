"""What all protocols have in common: a user's forces and rules, stepping, settings."""

import dataclasses

import numpy as np
import openmm
import pytest
from dense_scenes import BY_DYNAMICS, blob
from helpers import body

from openmm_cgpack.core import Open, PackedScene, Periodic
from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.core.tables import from_table, to_table
from openmm_cgpack.forces import CentrePull, ForceTerm, SwitchedLennardJones
from openmm_cgpack.packing import (
    ClashRemoval,
    Compression,
    Dense,
    Insertion,
    Packing,
    Protocol,
    Pull,
    Run,
    Stop,
    as_packed,
    compress,
    crowding_series,
    pack_scene,
    place,
)
from openmm_cgpack.testing import check_force_term, check_protocol

CPU = Run(platform="CPU", threads=1)


@kind("test_spring")
class Spring(ForceTerm):
    """A spring between every ball of a species and a point."""

    k: float = setting("spring constant", unit="kJ/mol/nm²", above=0)
    species: str = setting("name of the species")
    point: tuple[float, float, float] = setting("the point", unit="nm", default=(0.0, 0.0, 0.0))

    def build(self, scene, rigidity):
        x, y, z = self.point
        away = f"((x - {x!r})^2 + (y - {y!r})^2 + (z - {z!r})^2)"
        if scene.boundary.bounded:
            away = f"periodicdistance(x, y, z, {x!r}, {y!r}, {z!r})^2"
        force = openmm.CustomExternalForce(f"{self.k / 2!r}*{away}")
        for i in range(scene.n_instances):
            if scene.model(i).name == self.species:
                for ball in range(*scene.balls(i).indices(scene.n_balls)):
                    force.addParticle(ball)
        return force if force.getNumParticles() else None


@pytest.fixture(scope="module")
def loose():
    return place([(body("a", 6, 1), 5), (body("b", 3, 2), 5)], seed=1)


@pytest.fixture(scope="module")
def boxed():
    return place([(blob("a"), 8), (blob("b", 2, n=250), 8)], boundary=Periodic(box=20.0), seed=1)


SHORT = Pull(max_steps=300, relax_steps=100, block=50)
DENSE = Dense(fraction=0.3, squeeze=BY_DYNAMICS)


def cases(loose, boxed):
    return [(loose, SHORT), (boxed, DENSE)]


def distance_of(packed: PackedScene, species: str, point: tuple) -> float:
    """Return the mean distance of the balls of a species from a point."""
    scene = packed.scene
    balls = [scene.balls(i) for i in range(scene.n_instances) if scene.model(i).name == species]
    offset = np.concatenate([packed.positions[b] for b in balls]) - point
    return float(np.linalg.norm(packed.boundary.minimum_image(offset), axis=1).mean())


def test_a_users_force_acts_in_every_protocol(loose, boxed):
    dilute = Dense(fraction=0.1)
    for scene, protocol, point in ((loose, SHORT, (0, 0, 12)), (boxed, dilute, (0, 0, 0))):
        springs = (Spring(k=3e3, species="b", point=point),)
        plain = pack_scene(scene, protocol, run=CPU, seed=1)
        sprung = pack_scene(scene, dataclasses.replace(protocol, forces=springs), run=CPU, seed=1)
        assert distance_of(sprung, "b", point) < 0.7 * distance_of(plain, "b", point)
        assert sprung.history.overlap[-1] < 0.5


def test_the_users_force_keeps_the_contract():
    check_force_term(Spring(k=2.0, species="filament", point=(1, 2, 3)))


def test_a_force_on_nothing_changes_nothing(loose, boxed):
    for scene, protocol in cases(loose, boxed):
        idle = dataclasses.replace(protocol, forces=(Spring(k=1e4, species="nothing"),))
        plain, same = (pack_scene(scene, p, run=CPU, seed=1) for p in (protocol, idle))
        assert np.array_equal(plain.positions, same.positions)


def test_a_compression_takes_forces_too(boxed):
    spring = Spring(k=3e3, species="b")
    plain = compress(boxed, fraction=0.1, run=CPU, seed=1)
    sprung = compress(boxed, fraction=0.1, forces=[spring], run=CPU, seed=1)
    assert distance_of(sprung, "b", (0, 0, 0)) < 0.7 * distance_of(plain, "b", (0, 0, 0))


def test_the_box_is_as_wide_as_the_longest_cutoff_wants(boxed):
    """A term of the user's that reaches farther than contacts do."""
    wide = SwitchedLennardJones(epsilon=1e-3, switch=9.5, cutoff=9.9)
    two = place([(blob("a"), 2)], boundary=Periodic(box=15.0), seed=1)
    with pytest.raises(ValueError, match="wanted edges of at least twice the longest cutoff"):
        compress(two, fraction=0.1, forces=[wide], run=CPU, seed=1)


def test_a_rule_stops_every_protocol(loose, boxed):
    for scene, protocol, stage in ((loose, SHORT, "pulling"), (boxed, DENSE, "compression 1")):
        seen = []

        def rule(block, seen=seen, stage=stage):
            seen.append(block)
            return block.stage == stage and block.step >= 40

        packed = pack_scene(scene, protocol, run=CPU, seed=1, watch=rule)
        assert packed.provenance["stopped"] == stage
        assert packed.history.step[-1] == seen[-1].step
        assert packed.positions.shape == (scene.n_balls, 3)
        last = seen[-1]
        assert last.simulation.currentStep == last.step
        moved = packed.boundary.minimum_image(last.positions - packed.positions)
        assert np.abs(moved).max() < 1e-6
        assert last.measured["fraction"] > 0
    # What was stopped is gone on with as any scene is.
    again = compress(packed, fraction=0.3, run=CPU, seed=2)
    assert "stopped" not in again.provenance


def test_a_series_that_is_stopped_has_what_there_is(boxed):
    series = crowding_series(
        boxed,
        [0.1, 0.2, 0.3],
        Dense(squeeze=BY_DYNAMICS),
        run=CPU,
        seed=1,
        watch=lambda b: b.stage == "clash removal 2",
    )
    assert [packed.provenance.get("stopped") for packed in series] == [None, "clash removal 2"]


def test_every_stage_says_when_it_is_over(loose, boxed):
    names = []
    for scene, protocol in cases(loose, boxed):
        pack_scene(
            scene, protocol, run=CPU, seed=1, watch=lambda b: b.finished and names.append(b.stage)
        )
    assert names == ["pulling", "relaxing", "insertion", "compression 1", "clash removal 1"]


def test_stepping_from_outside_ends_as_one_call_does(loose, boxed):
    for scene, protocol in cases(loose, boxed):
        packing = Packing(protocol.steps(scene, run=CPU, seed=1))
        first = next(packing)
        assert packing.block is first
        assert packing.result is None
        stages = [block.stage for block in packing]
        assert stages
        whole = pack_scene(scene, protocol, run=CPU, seed=1)
        assert np.array_equal(packing.result.positions, whole.positions)
        assert packing.finish() is packing.stop() is packing.result


def test_a_packing_may_be_stopped_before_its_first_step(loose):
    packed = Packing(SHORT.steps(loose, run=CPU, seed=1)).stop()
    assert packed.history.step.tolist() == [0, 50]


def test_watching_and_bars_change_nothing(loose, boxed):
    for scene, protocol in cases(loose, boxed):
        plain = pack_scene(scene, protocol, run=CPU, seed=1, progress=False)
        watched = pack_scene(
            scene, protocol, run=CPU, seed=1, watch=lambda b: b.positions.sum() == 0
        )
        assert np.array_equal(plain.positions, watched.positions)


@kind("test_shift")
class Shift(Protocol):
    """Moves everything along x, a nanometre at a time."""

    by: int = setting("how far", unit="nm", default=3, minimum=1)

    def check(self, boundary):
        if boundary.walls.any():
            raise ValueError("protocol: Shift wants no walls")

    def steps(self, scene, *, run, seed, reporters=(), checkpoint=None):
        from openmm_cgpack.packing import Block

        packed = as_packed(scene)
        try:
            for number in range(1, self.by + 1):
                positions = packed.positions + np.array([1.0, 0, 0])
                packed = dataclasses.replace(packed, positions=positions)
                yield Block(
                    stage="shifting",
                    step=number,
                    steps=1,
                    measured={},
                    read_positions=lambda: positions,  # noqa: B023
                )
        except Stop:
            pass
        return packed


def test_a_users_protocol_is_driven_like_any_other(loose):
    for watch, by in ((None, 3), (lambda block: block.step == 2, 2)):
        packed = pack_scene(loose, Shift(), seed=1, watch=watch)
        np.testing.assert_allclose(packed.positions - loose.positions, [[by, 0, 0]] * loose.n_balls)
    assert from_table(Protocol, {"kind": "test_shift", "by": 2}) == Shift(by=2)


@pytest.mark.parametrize(
    ("protocol", "boundary"),
    [
        (dataclasses.replace(SHORT, checkpoint_every=50), Open()),
        (Dense(compression=Compression(checkpoint_every=20)), Periodic(box=60.0)),
        (Shift(), Open()),
    ],
)
def test_protocols_keep_the_contract(protocol, boundary):
    check_protocol(protocol, boundary=boundary)


def test_a_protocol_that_does_not_repeat_breaks_the_contract():
    @kind("test_drawn")
    class Drawn(Shift):
        """Somewhere else each time."""

        def steps(self, scene, **given):
            packed = yield from super().steps(scene, **given)
            noise = np.random.default_rng().normal(size=packed.positions.shape)
            return dataclasses.replace(packed, positions=packed.positions + noise)

    with pytest.raises(AssertionError, match="the same seed does not repeat"):
        check_protocol(Drawn())


@pytest.mark.parametrize(
    "protocol",
    [
        Pull(),
        Pull(
            centre_pull=None,
            lennard_jones=SwitchedLennardJones(form="custom", cutoff=20, switch=19),
            rigidity="bonds",
            relax_steps=0,
            forces=(Spring(k=2.0, species="b"), CentrePull(k=1.0, centre=(1, 2, 3))),
        ),
        Dense(),
        Dense(
            fraction=0.25,
            insertion=Insertion(spacing=0.4),
            squeeze=BY_DYNAMICS,
            compression=Compression(gap=-0.1, block=5),
            clash_removal=ClashRemoval(distance=0.3),
            forces=(Spring(k=2.0, species="a", point=(0, 0, 1)),),
        ),
    ],
)
def test_protocols_come_back_from_their_tables(protocol):
    table = to_table(protocol)
    assert table["kind"] == protocol.kind
    assert from_table(Protocol, table) == protocol
    if protocol.forces:
        assert table["forces"][0]["kind"] == "test_spring"


def test_a_nested_table_changes_only_what_it_names():
    table = {"kind": "dense", "compression": {"block": 10}, "clash_removal": {"max_steps": 3}}
    protocol = from_table(Protocol, table)
    assert protocol == Dense(
        compression=Compression(block=10), clash_removal=ClashRemoval(max_steps=3)
    )
    with pytest.raises(ValueError, match="switch: wanted less than the cutoff 61, got 70"):
        from_table(Protocol, {"kind": "pull", "lennard_jones": {"switch": 70}})
