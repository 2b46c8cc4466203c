"""Distributions in recipes: what is drawn of them, and that draws depend on nothing else."""

import numpy as np
import pytest

import openmm_cgpack as cgp
from openmm_cgpack.cli import main
from openmm_cgpack.core.settings import all_settings, settings_fields
from openmm_cgpack.recipe import Distribution, drawn, recipe_from
from openmm_cgpack.recipe.distributions import distribution_of

MANY = 800


def many(table):
    """Return what a distribution gives in many scenes."""
    return np.array([drawn({"a": table}, 7, index)[1]["a"] for index in range(MANY)])


def test_moments_are_those_of_the_distributions():
    values = many({"uniform": [2, 5]})
    assert values.mean() == pytest.approx(3.5, abs=0.1)
    assert values.std() == pytest.approx(3 / np.sqrt(12), rel=0.06)
    assert 2 <= values.min() < 2.05
    assert 4.95 < values.max() <= 5
    assert np.log(many({"log_uniform": [1, 100]})).mean() == pytest.approx(np.log(10), abs=0.15)
    values = many({"normal": [3, 0.5]})
    assert values.mean() == pytest.approx(3, abs=0.06)
    assert values.std() == pytest.approx(0.5, rel=0.1)
    values = many({"poisson": 20})
    assert values.mean() == pytest.approx(20, abs=0.5)
    assert values.var() == pytest.approx(20, rel=0.15)
    assert values.dtype.kind == "i"


def test_ends_are_kept_and_shared_out():
    values, numbers = np.unique(many({"integers": [-1, 1]}), return_counts=True)
    assert values.tolist() == [-1, 0, 1]
    assert np.abs(numbers / MANY - 1 / 3).max() < 0.06
    values = many({"normal": [0, 1], "min": 0})
    assert values.min() >= 0
    # The half normal distribution has this mean.
    assert values.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.07)
    values, numbers = np.unique(many({"poisson": 1, "max": 1}), return_counts=True)
    assert values.tolist() == [0, 1]
    assert numbers[0] / MANY == pytest.approx(0.5, abs=0.06)
    values, numbers = np.unique(many({"choose": ["a", "b"], "weights": [1, 3]}), return_counts=True)
    assert values.tolist() == ["a", "b"]
    assert numbers[1] / MANY == pytest.approx(0.75, abs=0.06)


SCENE = {
    "seed": 4,
    "start": {"boundary": "slab", "box": [60, 60, {"uniform": [20, 40]}]},
    "molecule": [
        {"species": "3hhb", "count": {"poisson": 20}},
        {"species": {"choose": 3, "from": "library"}, "count": {"integers": [1, 9]}},
    ],
    "imaging": {"preset": {"choose": ["one_step"]}, "snr": {"uniform": [1, 2]}},
}


def test_one_table_stands_for_several_species():
    plain, values = drawn(SCENE, 4, 2)
    species = [entry["species"] for entry in plain["molecule"]]
    assert species == ["3hhb", *values["molecule.2.species"]]
    assert len(set(species)) == 4
    counts = {entry["species"]: entry["count"] for entry in plain["molecule"][1:]}
    assert counts == {name: values[f"molecule.2.{name}.count"] for name in counts}
    assert (plain["seed"], plain["index"]) == (4, 2)


def test_membrane_proteins_are_not_chosen_as_molecules():
    chosen = distribution_of({"choose": 20, "from": "library"})
    names = {name for seed in range(9) for name in chosen.draw(np.random.default_rng(seed))}
    assert len(names) > 20
    assert not names & {"2r9r", "5gjv", "6cnj"}


def test_a_key_is_drawn_alike_whatever_the_others_are():
    _, values = drawn(SCENE, 4, 2)
    assert drawn(SCENE, 4, 2)[1] == values
    assert drawn(SCENE, 4, 3)[1] != values
    assert drawn(SCENE, 5, 2)[1] != values
    plain = {
        **SCENE,
        "imaging": {"snr": {"uniform": [1, 2]}},
        "start": {"boundary": "slab", "box": [60, 60, 30]},
    }
    _, fewer = drawn(plain, 4, 2)
    assert fewer == {key: values[key] for key in fewer}
    assert set(values) - set(fewer) == {"start.box.3", "imaging.preset"}


def test_what_is_drawn_makes_a_recipe():
    plain, values = drawn({**SCENE, "imaging": {"snr": {"uniform": [1, 2]}}}, 4, 2)
    recipe = recipe_from(
        {
            **plain,
            "pack": {"kind": "cell"},
            "imaging": {"kind": "one_step", "snr": plain["imaging"]["snr"]},
        }
    )
    assert recipe.index == 2
    assert recipe.imaging.snr == values["imaging.snr"]
    assert recipe.start.box[2] == values["start.box.3"]


VESICLE = {"name": "v", "radius": 15.0, "count": {"choose": [0]}}


def test_what_stands_in_a_membrane_that_is_left_out_is_left_out():
    table = {
        "vesicle": [VESICLE, {"name": "w", "radius": 15.0}],
        "membrane_protein": [{"species": "2r9r", "membrane": ["v", "w"]}],
        "molecule": [
            {"species": "3hhb", "where": {"inside": "v"}},
            {"species": "1f1b", "where": {"outside": ["v", "w"]}},
            {"species": "1bxn", "where": {"outside": "v"}},
            {"species": "1gyt", "fraction": False},
        ],
    }
    plain, values = drawn(table, 1, 0)
    assert values == {"vesicle.v.count": 0}
    assert [entry["name"] for entry in plain["vesicle"]] == ["w"]
    assert plain["membrane_protein"][0]["membrane"] == ["w"]
    assert plain["molecule"] == [
        {"species": "1f1b", "where": {"outside": ["w"]}},
        {"species": "1bxn"},
        {"species": "1gyt", "fraction": False},
    ]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"uniform": [5, 2]}, r"a: uniform: wanted the smaller number first, got \[5"),
        ({"uniform": [1]}, r"a: uniform: wanted a list of 2 numbers, got \[1\]"),
        ({"uniform": [1, 2], "mean": 3}, 'a: unknown key "mean"'),
        ({"log_uniform": [0, 2]}, "a: log_uniform: wanted a list of 2 numbers > 0"),
        ({"normal": [0, -1]}, "a: normal: wanted a deviation >= 0, got -1"),
        ({"normal": [0, 1], "min": 2, "max": 1}, "a: min and max: wanted the smaller"),
        ({"integers": [0.5, 2]}, "a: integers: wanted a list of 2 whole numbers"),
        ({"poisson": -1}, "a: poisson: wanted a number >= 0"),
        ({"choose": []}, "a: choose: wanted at least one value"),
        ({"choose": ["a"], "weights": [1, 1]}, "a: weights: wanted 1 numbers"),
        ({"choose": 4}, "a: choose: wanted a list, or a number together with from"),
        ({"choose": 99, "from": "library"}, "a: choose: wanted a number from 1 to 2"),
        ({"choose": 1, "from": "rcsb"}, 'a: from: wanted "library" or a list, got "rcsb"'),
    ],
)
def test_a_wrong_distribution_is_told_by_its_key(value, words):
    with pytest.raises((ValueError, TypeError), match=f"^{words}"):
        drawn({"a": value}, 0, 0)


@pytest.mark.parametrize("key", ["seed", "index", "fractions"])
def test_what_scenes_cannot_differ_in(key):
    with pytest.raises(ValueError, match=f"^{key}: means nothing in a data set"):
        drawn({key: {"integers": [1, 5]}}, 0, 0)


def test_a_run_refuses_distributions_and_says_who_takes_them(capsys, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('[[molecule]]\nspecies = "3hhb"\ncount = { poisson = 20 }\n')
    assert main(["simulate", str(path), "-o", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "recipe.toml: molecule.1.count: is a distribution" in err
    assert "cgpack dataset RECIPE" in err
    with pytest.raises(ValueError, match=r"imaging\.snr: is a distribution"):
        recipe_from({"imaging": {"snr": {"uniform": [1, 2]}}}, base=cgp.demo_recipe())


def test_settings_with_the_name_of_a_distribution_are_not_taken_for_one():
    others = [cls for cls in all_settings() if not issubclass(cls, Distribution)]
    clashing = {
        (field.name, value)
        for cls in others
        for field in settings_fields(cls)
        if field.name in Distribution.kinds
        for value in [getattr(cls, field.name)]
    }
    assert ("normal", 1.0) in clashing
    assert [distribution_of({name: value}) for name, value in clashing] == [None] * len(clashing)
