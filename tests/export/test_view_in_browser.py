"""The page of a view in a real browser, without a network: what it draws, and what its boxes do."""

import io
import shutil

import numpy as np
import pytest
import world

from openmm_cgpack.core.palette import species_colours

pytest.importorskip("k3d")
pytest.importorskip("skimage")
playwright = pytest.importorskip("playwright.sync_api")

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, BROWSERS)), None)
if PROGRAM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)

FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Drawn by the processor: there may be no graphics card.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
SIZE = {"width": 680, "height": 360}
PATIENCE = 120_000
"""Milliseconds that a busy machine may take for a picture."""

DRAWN = """K3DInstance.then((plot) => new Promise((done) => {
    plot.on(plot.events.RENDERED, () => requestAnimationFrame(done));
    plot.render();
}))"""


class Page:
    """A page with its panel, and pictures of what it draws."""

    def __init__(self, page, path):
        self.page, self.said, self.asked = page, [], []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.said.append((message.type, message.text)))
        page.on("pageerror", lambda error: self.said.append(("error", str(error))))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-drawn=true]", state="attached")

    def click(self, *boxes):
        for box in boxes:
            self.page.click(f'#panel label[title="{box}"] input')

    def slide(self, axis, step):
        slider = self.page.locator(f'#panel input[type=range][title="{axis}"]').last
        slider.evaluate(f"(s) => {{ s.value = {step}; s.oninput(); }}")

    def picture(self):
        """Return the picture right of the panel, without the axes' cross, (y, x, 3) from 0 to 1."""
        from matplotlib.image import imread

        self.page.evaluate(DRAWN)
        whole = imread(io.BytesIO(self.page.screenshot()), format="png")[:, 240:, :3].copy()
        whole[-120:, -120:] = 1.0
        return whole


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    packed, truth = world.everything()
    grid = world.GRID
    tomogram = truth.maps["tomogram"]
    placed = type(tomogram)(data=tomogram.data, voxel_size=grid.voxel_size, origin=grid.origin)
    labels = type(truth.semantic)(
        data=truth.semantic.data,
        voxel_size=grid.voxel_size,
        origin=grid.origin,
        names=truth.species,
    )
    path = tmp_path_factory.mktemp("page") / "a view.html"
    packed.view(tomogram=placed, labels=labels).save(path)
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=PROGRAM, args=FLAGS)
        yield Page(browser.new_page(viewport=SIZE), path)
        browser.close()


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
    assert [text for kind, text in page.said if kind in ("error", "warning")] == []
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
    for axis in "xz":
        page.slide(axis, -1)
    moved = page.picture()
    page.slide("y", -1)
    page.click("slices")
    page.click("surfaces", "filaments", "membranes")
    assert np.abs(moved - grey).mean() > 0.01


def test_the_cut_opens_everything(page):
    whole = page.picture()
    page.slide("y", 200)
    assert sum(amount(page.picture(), species) for species in SPECIES) < FEW
    page.slide("y", -1)
    assert np.abs(page.picture() - whole).max() < 0.02
    assert [text for kind, text in page.said if kind in ("error", "warning")] == []
