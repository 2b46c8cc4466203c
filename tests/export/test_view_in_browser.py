"""The page of a view in a real browser, without a network: what it draws, and what its boxes do."""

import html
import importlib
from dataclasses import replace

import numpy as np
import pytest
import world
from browser import TRIANGLES, Page, browser
from drawing import make_molecule, make_packed, turns

from openmm_cgpack.core.palette import species_colours
from openmm_cgpack.export.k3d_plot import MOST_TRIANGLES

pytest.importorskip("k3d")
pytest.importorskip("skimage")


@pytest.fixture(scope="module")
def chromium():
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def view():
    packed, truth = world.everything()
    here = {"voxel_size": world.GRID.voxel_size, "origin": world.GRID.origin}
    return packed.view(
        tomogram=replace(truth.maps["tomogram"], **here),
        labels=replace(truth.semantic, names=truth.species, **here),
    )


@pytest.fixture(scope="module")
def page(chromium, view, tmp_path_factory):
    return Page(chromium, view.save(tmp_path_factory.mktemp("page") / "a view.html"))


def amount(picture, species):
    """Return how many pixels have the hue of each species of the world, whatever their shade."""
    names = ("one_A", "filament", "two of them", "membrane")
    colours = species_colours(len(names))
    hue = picture - picture.mean(axis=2, keepdims=True)
    strength = np.linalg.norm(hue, axis=2)
    wanted = colours - colours.mean(axis=1, keepdims=True)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    near = np.argmax(hue @ wanted.T, axis=2)
    return int(((near == names.index(species)) & (strength > 0.06)).sum())


SPECIES = ("one_A", "filament", "two of them", "membrane")
MANY, FEW = 60, 15
"""Pixels of what is there, and of what is not."""


def test_the_page_draws_everything_and_asks_for_nothing(page):
    picture = page.picture()
    for species in SPECIES:
        assert amount(picture, species) > MANY, species
    empty = (picture > 0.97).all(axis=2).mean()
    assert 0.3 < empty < 0.98
    assert page.complaints == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_species_boxes_hide_and_show(page):
    for species in ("one_A", "membrane"):
        page.click(species)
        hidden = page.picture()
        page.click(species)
        assert amount(hidden, species) < FEW
        assert all(amount(hidden, other) > MANY for other in SPECIES if other != species)
    assert all(amount(page.picture(), species) > MANY for species in SPECIES)


def test_layers_hide_what_they_hold(page):
    for layer, held in {
        "surfaces": ("one_A", "two of them"),
        "filaments": ("filament",),
        "membranes": ("membrane",),
    }.items():
        page.click(layer)
        hidden = page.picture()
        page.click(layer)
        for species in SPECIES:
            assert (amount(hidden, species) < FEW) == (species in held), (layer, species)


def test_balls_slices_and_labels_appear_and_go(page):
    page.click("surfaces", "filaments", "membranes")
    empty = page.picture()
    assert not any(amount(empty, species) > FEW for species in SPECIES)
    page.click("balls")
    assert all(amount(page.picture(), species) > MANY for species in SPECIES)
    page.click("balls", "slices")
    grey = page.picture()
    inner = (grey.max(axis=2) - grey.min(axis=2) < 0.02) & (grey.max(axis=2) < 0.9)
    assert inner.sum() > 3000
    assert not any(amount(grey, species) > FEW for species in SPECIES)
    page.click("labels")
    labelled = page.picture()
    assert amount(labelled, "membrane") > MANY
    page.click("membrane")
    assert amount(page.picture(), "membrane") < FEW
    page.click("membrane", "labels")
    assert np.abs(page.picture() - grey).max() < 0.02
    page.click("slices", "surfaces", "filaments", "membranes")


def test_the_cut_opens_everything(page):
    whole = page.picture()
    page.slide("cut", 200)
    assert sum(amount(page.picture(), species) for species in SPECIES) < FEW
    page.slide("cut", -1)
    assert np.abs(page.picture() - whole).max() < 0.02
    assert page.complaints == []


def test_every_slider_moves_its_own_slice(page):
    page.click("surfaces", "filaments", "membranes", "slices")
    shown = page.picture()
    pictures = []
    for axis, middle in zip("xyz", np.array(world.GRID.shape)[::-1] // 2, strict=True):
        for step, words in ((2, f"{2 * world.GRID.voxel_size:.1f} nm"), (-1, "off")):
            assert page.slide(axis, step) == words
            pictures.append(page.picture())
        page.slide(axis, middle)
        assert np.abs(page.picture() - shown).max() < 0.02
    for i, one in enumerate(pictures):
        assert all(np.abs(one - other).mean() > 0.01 for other in [shown, *pictures[:i]])
    page.click("slices", "surfaces", "filaments", "membranes")


def test_labels_bring_the_slices_that_they_lie_on(page):
    page.click("labels")
    assert page.ticked("slices")
    page.click("labels", "slices")


def test_reset_view_undoes_what_the_mouse_did(page):
    before = page.picture()
    page.drag((90, 40), wheel=-300)
    turned = page.picture()
    assert np.abs(turned - before).mean() > 0.01
    page.frame.click("#panel button")
    assert np.abs(page.picture() - before).max() < 0.02
    assert page.complaints == []


def test_a_notebook_that_is_saved_shows_the_view(chromium, view, tmp_path):
    """What Jupyter keeps of an output; nbconvert makes the page of it where that is there."""
    inline = view._repr_html_()
    try:
        nbconvert, v4 = (importlib.import_module(name) for name in ("nbconvert", "nbformat.v4"))
    except ImportError:
        page = f"<!doctype html><title>notebook</title>{inline}"
    else:
        output = v4.new_output("display_data", {"text/html": inline, "text/plain": repr(view)})
        cell = v4.new_code_cell("packed.view()", outputs=[output])
        page, _ = nbconvert.HTMLExporter().from_notebook_node(v4.new_notebook(cells=[cell]))
    path = tmp_path / "notebook.html"
    path.write_text(page, encoding="utf-8")
    shown = Page(chromium, path, size=(900, 700))
    picture = shown.picture()
    assert all(amount(picture, species) > MANY for species in SPECIES)
    shown.click("membrane")
    # Where something blue meets white there is a rim that looks like it.
    assert amount(shown.picture(), "membrane") < 0.1 * amount(picture, "membrane")
    shown.page.close()
    assert html.unescape(inline).count("<!doctype html>") == 1


def test_four_thousand_molecules_are_drawn(chromium, tmp_path):
    n = 4000
    models = [make_molecule(structure) for structure in world.STRUCTURES.values()]
    places = 18.0 * np.stack(np.unravel_index(np.arange(n), (20, 20, 10)), axis=1)
    packed = make_packed(
        [(models[i % 2], turn, places[i]) for i, turn in enumerate(turns(n, seed=3))]
    )
    page = Page(chromium, packed.view().save(tmp_path / "many.html"), size=(560, 300))
    names = dict(zip(world.STRUCTURES, species_colours(2), strict=True))
    hue = page.picture()
    hue = hue - hue.mean(axis=2, keepdims=True)
    shares = {}
    for name, colour in names.items():
        wanted = colour - colour.mean()
        shares[name] = (hue @ wanted / np.linalg.norm(wanted) > 0.06).mean()
    assert min(shares.values()) > 0.05
    triangles = page.frame.evaluate(TRIANGLES)
    assert 0.5 * MOST_TRIANGLES < triangles < 1.2 * MOST_TRIANGLES
    assert page.complaints == []
    page.page.close()
