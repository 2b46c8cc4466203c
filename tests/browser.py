"""A page of a view in a real browser, without a network and drawn by the processor alone."""

import io
import shutil
from contextlib import contextmanager

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

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
PATIENCE = 120_000
"""Milliseconds that a busy machine may take for a picture."""

PANEL = 240
"""Pixels at the left that the panel takes."""

DRAWN = """K3DInstance.then((plot) => new Promise((done) => {
    plot.on(plot.events.RENDERED, () => requestAnimationFrame(done));
    plot.render();
}))"""

TRIANGLES = """K3DInstance.then((plot) => Object.values(plot.getWorld().ObjectsListJson)
    .filter((item) => item.type === "Mesh" && item.visible)
    .reduce((sum, item) => sum + item.indices.data.length / 3, 0))"""


@contextmanager
def browser():
    """Give a Chromium; without one, or without what drives it, skip."""
    playwright = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as browsers:
        opened = browsers.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


class Page:
    """A page with its panel, and pictures of what it draws."""

    def __init__(self, browser, path, *, size=(680, 360)):
        self.page = page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        self.said, self.asked = [], []
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: self.said.append((message.type, message.text)))
        page.on("pageerror", lambda error: self.said.append(("error", str(error))))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        # A notebook has the page in a frame.
        self.frame = page.frames[-1]
        self.frame.wait_for_selector("body[data-drawn=true]", state="attached")

    @property
    def complaints(self):
        return [text for kind, text in self.said if kind in ("error", "warning")]

    def click(self, *boxes):
        for box in boxes:
            self.frame.click(f'#panel label[title="{box}"] input')

    def ticked(self, box):
        return self.frame.is_checked(f'#panel label[title="{box}"] input')

    def slide(self, which, step):
        """Move a slice along an axis, or the cut, and return what the slider says."""
        axis, k = ("y", -1) if which == "cut" else (which, 0)
        slider = self.frame.locator(f'#panel input[type=range][title="{axis}"]').nth(k)
        slider.evaluate(f"(s) => {{ s.value = {step}; s.oninput(); }}")
        return slider.locator("xpath=../span[@class='at']").inner_text()

    def drag(self, by, *, wheel=0):
        """Turn the picture with the mouse, and come nearer with its wheel."""
        width, height = (self.page.viewport_size[side] for side in ("width", "height"))
        x, y = (PANEL + width) / 2, height / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by[0], y + by[1], steps=4)
        self.page.mouse.up()
        if wheel:
            self.page.mouse.wheel(0, wheel)

    def picture(self):
        """Return the picture right of the panel, without the axes' cross, (y, x, 3) from 0 to 1."""
        from matplotlib.image import imread

        self.frame.evaluate(DRAWN)
        whole = imread(io.BytesIO(self.page.screenshot()), format="png")[:, PANEL:, :3].copy()
        whole[-120:, -120:] = 1.0
        return whole
