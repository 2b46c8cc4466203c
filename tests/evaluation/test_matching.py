"""Matching by cases worked out by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmm_cgpack.core import LabelVolume, ParticleTable, Periodic, Picks, Volume
from openmm_cgpack.evaluation import (
    CziiRule,
    PaperRule,
    ShrecRule,
    SpeciesScores,
    f_score,
    match_picks,
    pool_scores,
    select_particles,
    weighted_f,
)


def table(centres, radius, species=None, instance=None):
    n = len(centres)
    return ParticleTable(
        instance=np.arange(1, n + 1) if instance is None else instance,
        species=["a"] * n if species is None else species,
        centre=np.array(centres, float).reshape(n, 3),
        radius=np.full(n, radius),
        rotation=np.stack([np.eye(3)] * n) if n else np.empty((0, 3, 3)),
    )


# Two of species a, one of species b, far from each other.
CENTRES = [(10, 20, 30), (40, 20, 30), (10, 60, 30)]
TRUTH = table(CENTRES, 4.0, ["a", "a", "b"])


def counts(scores):
    return scores.tp, scores.fp, scores.fn


@pytest.mark.parametrize("rule", [PaperRule(), CziiRule()])
def test_perfect(rule):
    scores = match_picks(Picks(positions=CENTRES, species=["a", "a", "b"]), TRUTH, rule=rule)
    assert counts(scores) == (3, 0, 0)
    assert scores.precision == scores.recall == scores.f == 1.0
    assert scores.mean_distance == scores.miss_rate == 0.0
    assert scores.pairs.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert scores.confusion.tolist() == [[2, 0, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("rule", [PaperRule(), CziiRule()])
def test_empty(rule):
    none = Picks(positions=np.empty((0, 3)), species=np.empty(0, str))
    scores = match_picks(none, TRUTH, rule=rule)
    assert counts(scores) == (0, 0, 3)
    assert scores.precision == scores.recall == scores.f == 0.0
    assert scores.miss_rate == 1.0
    assert np.isnan(scores.mean_distance)
    nothing = match_picks(Picks(positions=CENTRES, species=["a"] * 3), table([], 1.0), rule=rule)
    assert counts(nothing) == (0, 3, 0)
    assert counts(match_picks(none, table([], 1.0), rule=rule)) == (0, 0, 0)


def test_doubled_picks_count_once():
    near = np.add(CENTRES, (0.5, -0.25, 1.0))
    scores = match_picks(Picks(positions=[*CENTRES, *near]), TRUTH)
    assert counts(scores) == (3, 3, 0)
    assert scores.precision == 0.5
    assert scores.recall == 1.0
    assert scores.f == pytest.approx(2 / 3)
    assert scores.multi_hits == 3
    assert scores.empty == 0
    # The centres themselves are nearer, though both choices find as many.
    assert scores.pairs[:, 0].tolist() == [0, 1, 2]


def test_wrong_species():
    picks = Picks(positions=CENTRES, species=["a", "b", "b"])
    paper = match_picks(picks, TRUTH, rule=PaperRule())
    assert counts(paper) == (3, 0, 0)
    assert paper.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert paper.confusion_names == ("a", "b")
    czii = match_picks(picks, TRUTH, rule=CziiRule())
    assert counts(czii) == (2, 1, 1)
    a, b = czii.species
    assert (a.name, a.tp, a.fp, a.fn) == ("a", 1, 0, 1)
    assert (b.name, b.tp, b.fp, b.fn) == ("b", 1, 1, 0)
    # beta 4: 17 P R / (16 P + R)
    assert a.f == pytest.approx(17 * 1 * 0.5 / (16 * 1 + 0.5))
    assert b.f == pytest.approx(17 * 0.5 * 1 / (16 * 0.5 + 1))
    assert weighted_f(czii.species) == pytest.approx((a.f + b.f) / 2)
    assert weighted_f(czii.species, {"b": 0}) == pytest.approx(a.f)
    assert weighted_f(czii.species, {"a": 1, "b": 3}) == pytest.approx((a.f + 3 * b.f) / 4)
    assert czii.confusion.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]


def test_a_species_that_is_not_there():
    scores = match_picks(
        Picks(positions=[(0, 0, 0), *CENTRES], species=["c", "a", "a", "b"]), TRUTH, rule=CziiRule()
    )
    assert [(s.name, s.tp, s.fp, s.fn) for s in scores.species][2] == ("c", 0, 1, 0)
    assert scores.species[2].f == 0.0


@pytest.mark.parametrize(("rule", "reach"), [(PaperRule(), 4.0), (CziiRule(), 2.0)])
def test_pick_on_the_rim(rule, reach):
    truth = table([(10, 20, 30)], 4.0)
    step = np.array([2, -1, 2]) / 3  # of length 1
    for beyond, found in ((0.0, 1), (-1e-6, 1), (1e-6, 0)):
        position = np.array([10, 20, 30]) + step * (reach + beyond)
        scores = match_picks(Picks(positions=[position]), truth, rule=rule)
        assert counts(scores) == (found, 1 - found, 1 - found)
        if found:
            assert scores.mean_distance == pytest.approx(reach, abs=2e-6)


# A chain in a crowd: the pick between both particles is nearer to the first, which the other
# pick needs. Greedy choices lose one.
CHAIN = table([(0, 0, 0), (5, 0, 0)], 3.0)
CHAIN_PICKS = Picks(positions=[(2.2, 0, 0), (-2.5, 0, 0)], scores=[2.0, 1.0])


@pytest.mark.parametrize(
    ("assignment", "tp", "fp"), [("optimal", 2, 0), ("score", 1, 1), ("distance", 1, 1)]
)
def test_assignments_differ_in_a_crowd(assignment, tp, fp):
    scores = match_picks(CHAIN_PICKS, CHAIN, PaperRule(assignment=assignment))
    assert counts(scores) == (tp, fp, 2 - tp)


def test_one_pick_in_two_particles():
    between = Picks(positions=[(2.5, 0, 0)])
    assert counts(match_picks(between, CHAIN)) == (1, 0, 1)
    # The challenge's program counts both particles.
    assert counts(match_picks(between, CHAIN, PaperRule(assignment="any"))) == (2, 0, 0)


def test_greedy_by_score_takes_the_better_pick():
    truth = table([(0, 0, 0)], 3.0)
    picks = Picks(positions=[(0.1, 0, 0), (2, 0, 0)], scores=[0.1, 0.9])
    assert match_picks(picks, truth, PaperRule(assignment="score")).pairs.tolist() == [[1, 0]]
    assert match_picks(picks, truth, PaperRule(assignment="distance")).pairs.tolist() == [[0, 0]]


@given(
    picks=st.lists(st.tuples(*[st.integers(0, 6)] * 2), max_size=5),
    centres=st.lists(st.tuples(*[st.integers(0, 6)] * 2), max_size=5),
    radius=st.floats(0.7, 3.1),
)
@settings(max_examples=80, deadline=None)
def test_optimal_is_the_best_of_all_choices(picks, centres, radius):
    positions = np.array([(x, y, 0) for x, y in picks], float).reshape(-1, 3)
    truth = table([(x, y, 1.0) for x, y in centres], radius)
    scores = match_picks(Picks(positions=positions), truth)
    gaps = np.linalg.norm(positions[:, None] - truth.centre[None], axis=2)
    # Every injection of the shorter list into the longer one, by brute force.
    wide = gaps if len(picks) <= len(centres) else gaps.T
    best = max(
        (
            (len(near), -sum(near))
            for order in itertools.permutations(range(wide.shape[1]), wide.shape[0])
            for near in [[d for d in wide[range(len(order)), order] if d <= radius * (1 + 1e-9)]]
        ),
        default=(0, 0),
    )
    assert scores.tp == best[0]
    assert scores.distances.sum() == pytest.approx(-best[1])
    assert (
        len(set(scores.pairs[:, 0].tolist())) == len(set(scores.pairs[:, 1].tolist())) == scores.tp
    )
    for name in ("score", "distance"):
        greedy = match_picks(Picks(positions=positions), truth, PaperRule(assignment=name))
        assert greedy.tp <= scores.tp <= 2 * greedy.tp
    assert (
        scores.tp <= match_picks(Picks(positions=positions), truth, PaperRule(assignment="any")).tp
    )


def labels_of_two():
    """Return masks of two boxes that touch, numbered 7 and 3, and their table."""
    data = np.zeros((8, 10, 20), np.uint16)
    data[2:6, 3:7, 4:8] = 7
    data[2:6, 3:7, 8:12] = 3
    truth = table([(5.5, 4.5, 3.5), (9.5, 4.5, 3.5)], 3.0, species=["b", "a"], instance=[7, 3])
    return LabelVolume(data=data, voxel_size=1.0, origin=(50, 60, 70)), truth


def test_shrec_looks_masks_up():
    labels, truth = labels_of_two()
    picks = Picks(
        positions=[
            (7.4, 4.0, 3.0),  # in 7
            (5.5, 4.5, 3.5),  # in 7 again, nearer
            (8.0, 4.0, 3.0),  # in 3, at its face to 7
            (17.0, 1.0, 1.0),  # in nothing
            (25.0, 4.0, 3.0),  # outside
        ],
        species=["b", "b", "b", "a", "a"],
    )
    scores = match_picks(picks, truth, rule=ShrecRule(dilation=0), labels=labels)
    assert counts(scores) == (2, 3, 0)
    assert (scores.multi_hits, scores.empty, scores.outside) == (1, 2, 1)
    # The first hit counts.
    assert scores.pairs.tolist() == [[0, 0], [2, 1]]
    first, second = np.hypot(1.9, np.hypot(0.5, 0.5)), np.hypot(1.5, np.hypot(0.5, 0.5))
    assert scores.mean_distance == pytest.approx((first + second) / 2)
    # Rows: what the particle is (a, b, none); columns: what the pick said (a, b, missed).
    assert scores.confusion.tolist() == [[0, 1, 0], [0, 1, 0], [2, 1, 0]]
    assert [(s.name, s.tp, s.fn, s.fp) for s in scores.species] == [
        ("a", 1, 0, None),
        ("b", 1, 0, None),
    ]


def test_shrec_masks_grow_by_a_face():
    labels, truth = labels_of_two()
    beside, diagonal = (12.0, 4.0, 3.0), (12.0, 7.0, 3.0)
    for dilation, positions, tp in (
        (0, beside, 0),
        (1, beside, 1),
        (1, diagonal, 0),
        (2, diagonal, 1),
    ):
        scores = match_picks(
            Picks(positions=[positions]), truth, rule=ShrecRule(dilation=dilation), labels=labels
        )
        assert scores.tp == tp
    # Where two masks meet the higher number wins, as in that challenge.
    scores = match_picks(Picks(positions=[(8.0, 4.0, 3.0)]), truth, rule=ShrecRule(), labels=labels)
    assert truth.instance[scores.pairs[0, 1]] == 7


def test_shrec_leaves_out_what_the_table_leaves_out():
    labels, truth = labels_of_two()
    only = select_particles(truth, species=["a"])
    scores = match_picks(
        Picks(positions=truth.centre), only, rule=ShrecRule(dilation=0), labels=labels
    )
    assert counts(scores) == (1, 1, 0)
    nothing = select_particles(truth, without=["a", "b"])
    scores = match_picks(Picks(positions=truth.centre), nothing, rule=ShrecRule(), labels=labels)
    assert counts(scores) == (0, 2, 0)


def test_shrec_is_in_nm():
    labels, truth = labels_of_two()
    coarse = LabelVolume(data=labels.data, voxel_size=2.5, origin=labels.origin)
    scores = match_picks(
        Picks(positions=truth.centre * 2.5), truth, rule=ShrecRule(dilation=0), labels=coarse
    )
    assert scores.tp == 2


def test_pooling():
    one = match_picks(Picks(positions=CENTRES, species=["a", "b", "b"]), TRUTH, rule=CziiRule())
    two = match_picks(Picks(positions=CENTRES[:1], species=["a"]), TRUTH, rule=CziiRule())
    a, b = pool_scores([one, two])
    assert (a.tp, a.fp, a.fn) == (2, 0, 2)
    assert (b.tp, b.fp, b.fn) == (1, 1, 1)
    assert a.beta == 4.0
    assert weighted_f([a, b]) == pytest.approx(
        (f_score(2, 0, 2, beta=4) + f_score(1, 1, 1, beta=4)) / 2
    )
    with pytest.raises(ValueError, match="wanted one rule"):
        pool_scores([one, match_picks(Picks(positions=CENTRES), TRUTH)])
    with pytest.raises(ValueError, match="at least one"):
        pool_scores([])


def test_f_scores_equal_scikit_learns():
    from sklearn.metrics import fbeta_score

    for tp, fp, fn in ((6, 2, 4), (1, 0, 0), (0, 3, 2), (5, 0, 7)):
        truth = [1] * (tp + fn) + [0] * fp
        said = [1] * tp + [0] * fn + [1] * fp
        for beta in (0.5, 1.0, 4.0):
            expected = fbeta_score(truth, said, beta=beta, zero_division=0)
            assert f_score(tp, fp, fn, beta=beta) == pytest.approx(expected)
            assert SpeciesScores(name="a", tp=tp, fp=fp, fn=fn, beta=beta).f == pytest.approx(
                expected
            )


def test_selection():
    volume = Volume(data=np.zeros((40, 30, 20)), voxel_size=2.0, origin=(5, 5, 5))
    truth = table([(-1.0, 0, 0), (38.9, 58.9, 78.9), (39.1, 5, 5), (20, 20, 20)], 2.0, list("abca"))
    assert select_particles(truth, volume=volume).instance.tolist() == [1, 2, 4]
    assert select_particles(truth, volume=volume, margin=3).instance.tolist() == [4]
    assert select_particles(truth, without=["a"]).instance.tolist() == [2, 3]
    with pytest.raises(ValueError, match="no 'x'"):
        select_particles(truth, species=["x"])


def test_table_names_every_species():
    text = match_picks(
        Picks(positions=CENTRES, species=["a", "b", "b"]), TRUTH, rule=CziiRule()
    ).table()
    assert [line.split()[0] for line in text.splitlines()] == ["species", "a", "b", "all"]
    assert "F(4)" in text


def test_reach_in_place_of_the_rules():
    picks = Picks(positions=np.add(CENTRES, (3.0, 0, 0)), species=["a", "a", "b"])
    assert counts(match_picks(picks, TRUTH)) == (3, 0, 0)
    assert counts(match_picks(picks, TRUTH, PaperRule(reach=0.5))) == (0, 3, 3)
    assert counts(match_picks(picks, TRUTH, rule=CziiRule(reach=0.75))) == (3, 0, 0)


def test_bad_arguments():
    picks = Picks(positions=CENTRES)
    labels, truth = labels_of_two()
    with pytest.raises(ValueError, match="labels: wanted instance labels for the rule 'shrec'"):
        match_picks(picks, TRUTH, ShrecRule())
    with pytest.raises(ValueError, match="labels: wanted no labels for the rule 'paper'"):
        match_picks(picks, truth, labels=labels)
    with pytest.raises(ValueError, match="boundary: means nothing for the rule 'shrec'"):
        match_picks(picks, truth, ShrecRule(), labels=labels, boundary=Periodic(box=9))
    with pytest.raises(ValueError, match="wanted a species for each pick, as the truth has 2"):
        match_picks(picks, TRUTH, CziiRule())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PaperRule(assignment="best"), 'assignment: wanted "optimal" or "score" or'),
        (lambda: PaperRule(reach=0), "reach: wanted a number > 0, got 0"),
        (lambda: CziiRule(beta=-1), "beta: wanted a number > 0, got -1"),
        (lambda: ShrecRule(dilation=-1), "dilation: wanted a whole number >= 0 .*, got -1"),
    ],
)
def test_bad_rules(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_weights_are_checked():
    scores = match_picks(Picks(positions=CENTRES, species=["a", "a", "b"]), TRUTH, rule=CziiRule())
    with pytest.raises(ValueError, match="no species 'x'"):
        weighted_f(scores.species, {"x": 1})
    with pytest.raises(ValueError, match="not all zero"):
        weighted_f(scores.species, {"a": 0, "b": 0})
    assert np.isnan(weighted_f(match_picks(Picks(positions=CENTRES), TRUTH).species))


def test_a_periodic_box_has_no_rim():
    truth = table([(1, 20, 30), (40, 20, -2)], 4.0)
    # The first by its image beyond x = 50, the second by the one of z = -2 in the box of 60.
    picks = Picks(positions=[(48, 20, 30), (40, 22, 59)])
    assert counts(match_picks(picks, truth)) == (0, 2, 2)
    box = Periodic(box=(50, 50, 60))
    scores = match_picks(picks, truth, boundary=box)
    assert counts(scores) == (2, 0, 0)
    np.testing.assert_allclose(scores.distances, [3, np.sqrt(5)])
    # The rim counts there too, and a hair beyond it does not.
    for x, found in ((47.0, 1), (46.999, 0)):
        assert match_picks(Picks(positions=[(x, 20, 30)]), truth, boundary=box).tp == found
    # On the far edge, by rounding, is on the near one.
    edge = Picks(positions=[(50.0, 20, 30), (-1e-18, 20, 30)])
    assert match_picks(edge, truth, PaperRule(assignment="any"), boundary=box).multi_hits == 1
