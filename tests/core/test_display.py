"""What every public object says of itself: one short line, in notebooks a table and a picture."""

import dataclasses
import importlib
import inspect
import pkgutil

import numpy as np
import pytest

import openmm_cgpack as cgp
from openmm_cgpack.core import LabelVolume, Picks, TiltSeries
from openmm_cgpack.core.display import described, first, line, page, picture_of, short
from openmm_cgpack.core.settings import all_settings
from openmm_cgpack.draw import plot_slices
from openmm_cgpack.packing import FrameReporter, Packing

FOLDERS = [cgp, *(
    importlib.import_module(f"openmm_cgpack.{found.name}")
    for found in pkgutil.iter_modules(cgp.__path__)
    if found.ispkg and found.name != "cli"
)]  # fmt: skip
PUBLIC = {
    getattr(folder, name) for folder in FOLDERS for name in folder.__all__
    if inspect.isclass(getattr(folder, name))
}  # fmt: skip
BASES = {"Boundary", "Geometry", "Painter"}
"""What nobody has an object of."""


@pytest.fixture(scope="module")
def packed():
    models = [(cgp.Molecule(species="3hhb", atoms_per_ball=500).build(), 2)]
    models += [(cgp.Filament(n_balls=8, name="a filament of a rather long name").build(), 3)]
    return cgp.as_packed(cgp.place(models, seed=1))


@pytest.fixture(scope="module")
def volume():
    data = np.random.default_rng(1).random((20, 24, 28))
    return cgp.Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))


@pytest.fixture(scope="module")
def everything(packed, volume):
    """Objects of every kind that a user gets back, with all that they hold."""
    coarse = cgp.MapSettings(voxel_size=2.0)
    labels = cgp.render_labels(packed, coarse)
    density = cgp.render_density(packed, coarse)
    particles = cgp.particle_table(packed, grid=density.grid)
    picks = Picks(positions=particles.centre, species=particles.species)
    series = TiltSeries(
        images=volume.data[:3], angles=[-1, 0, 1], pixel_size=1.0, dose_e_per_a2=[2, 2, 2]
    )
    return [
        packed, volume, labels, density, particles, particles[0], picks, series,
        cgp.library, cgp.library.entry("3hhb"), cgp.library.load("3hhb"), cgp.recipes,
        cgp.extract_transforms(packed), cgp.audit(packed), cgp.Periodic(box=1 / 3),
        cgp.match_picks(picks, particles), cgp.score_labels(labels.semantic, labels.semantic),
        cgp.render(density, cgp.OneStep(), seed=1), cgp.demo_recipe(), cgp.Structure.kinds["helix"],
        Packing(cgp.Pull().steps(packed.scene, run=cgp.Run(), seed=1)), FrameReporter(10),
        [packed, packed], cgp.imaging.PRESETS["paper"], cgp.evaluation.SMALL,
        *(cls() for cls in all_settings() if _needs_nothing(cls)),
    ]  # fmt: skip


def _needs_nothing(cls):
    try:
        cls()
    except (TypeError, ValueError):
        return False
    return cls.__module__.startswith("openmm_cgpack.")


def inside(value, seen):
    """Yield objects of the package in a value, and in these, each once."""
    if id(value) in seen:
        return
    seen[id(value)] = value
    if type(value).__module__.startswith("openmm_cgpack."):
        yield value
    held = getattr(value, "__dict__", {})
    members = [*held.values(), *(value if isinstance(value, list | tuple) else ())]
    for member in members:
        yield from inside(member, seen)


def has_own_line(cls):
    """Whether a class says what its objects are, and neither Python nor a dataclass does."""
    made_by_dataclass = hasattr(cls.__repr__, "__wrapped__")
    return cls.__repr__ is not object.__repr__ and not made_by_dataclass


def test_every_public_class_has_a_line_of_its_own():
    assert len(PUBLIC) > 100
    assert {cls.__name__ for cls in PUBLIC if not has_own_line(cls)} == BASES


def test_lines_are_short_and_have_no_arrays(everything):
    seen = list(inside(everything, {}))
    assert len({type(value) for value in seen}) > 60
    for value in seen:
        text = repr(value)
        assert len(text) <= 200
        assert "\n" not in text
        # That is what a summary that failed leaves.
        assert not text.endswith("(...)")
        assert not any(ugly in text for ugly in ("array([", " at 0x", "dtype="))


def test_tables_of_notebooks_are_small(everything):
    for value in inside(everything, {}):
        if type(value).__repr__ is line:
            assert page(value).count("<tr>") <= 14


def test_a_line_tells_what_differs_from_the_defaults():
    assert repr(cgp.Dense(fraction=0.3)) == "Dense(fraction=0.3)"
    assert repr(cgp.Dense()) == "Dense()"
    rows = cgp.Dense(fraction=0.3).facts()
    assert ("fraction", "0.3") in [row[:2] for row in rows]


def test_what_is_drawn_has_a_picture(packed, volume):
    labels = LabelVolume(data=volume.data > 0.5, voxel_size=1.0, origin=(0, 0, 0))
    series = TiltSeries(images=volume.data[:1], angles=[0], pixel_size=1.0, dose_e_per_a2=[2])
    table = cgp.particle_table(packed, grid=volume.grid)
    for value in (packed.scene, packed, volume, labels, series, table, table[:0]):
        assert value._repr_html_().count('<img src="data:image/png;base64,iVBOR') == 1


def test_no_repr_ever_fails():
    @described
    class Broken:
        def summary(self):
            raise ValueError("half made")

        facts = summary

    @picture_of(Broken)
    def draw(value):
        raise OSError("no matplotlib")

    assert repr(Broken()) == "Broken(...)"
    assert page(Broken()) == "<div><b>Broken</b> ...<table></table></div>"
    half_made = object.__new__(cgp.Scene)
    assert repr(half_made) == "Scene(...)"


def test_names_are_text_and_no_markup():
    model = dataclasses.replace(cgp.Filament(n_balls=3).build(), name="<b>&amp;")
    scene = cgp.place([(model, 1)], seed=1)
    assert "&lt;b&gt;&amp;amp;" in scene._repr_html_()
    assert "<b>&amp;" not in scene._repr_html_()


def test_values_in_a_few_words():
    assert short(("a" * 200,)).endswith("...,)")
    assert short({"a": 1, "b": 2, "c": 3, "d": 4}) == "4 entries"
    assert short(np.float32(0.1)) == "0.1"
    assert first([("a", "1")] * 3, 2) == [("a", "1"), ("2 more", "")]


def test_a_figure_shows_itself_once_in_a_notebook(volume):
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    formatter.active_types = list(formatter.format_types)
    shown, _ = formatter.format(plot_slices(volume))
    assert [kind for kind in shown if kind.startswith("image/")] == ["image/png"]
    assert shown["image/png"].startswith(b"\x89PNG")
    shown, _ = formatter.format(volume)
    assert "<table>" in shown["text/html"]
