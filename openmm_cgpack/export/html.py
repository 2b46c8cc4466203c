"""A view one can turn: one page for any browser that shows everything, and the same in Jupyter."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path

from ..core.progress import progress_bar
from ..core.runtime import MissingExtra, missing_extra
from ..core.scene import PackedScene
from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..core.volume import LabelVolume, Volume
from ..io.files import write_text
from ..io.inputs import read_text
from ..io.volumes import mask_file
from ..runs.folder import DENSITY, SEMANTIC, TOMOGRAM, RunFolder
from .formats import Format
from .k3d_plot import scene_plot
from .shown import Shown, shown_of_packed, shown_of_truth
from .truth import GroundTruth

_CONTROLS = Path(__file__).parent / "page" / "controls"
"""The panel's program and its looks."""

_HEIGHT = 620
"""Height of a view in a notebook, pixels."""


@kind("html")
class Html(Format):
    """A page that shows everything in a browser and needs no network."""

    opens = "view.html"
    package = ("k3d", "viz")

    def lacks(self) -> str | None:
        """Return how to install what draws the page; None where it is there."""
        return super().lacks() or missing_extra("skimage", "viz")

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write ``view.html``, which needs nothing else."""
        self.check(truth, tilts)
        self.show(folder, truth)

    def show(self, folder: Path, truth: GroundTruth) -> None:
        """Write ``view.html``."""
        View(shown_of_truth(truth)).save(folder / self.opens)


class View:
    """A view that one can turn: it shows itself in a notebook, and is saved as a page.

    Its panel switches molecules' surfaces, filaments, membranes, balls, slices, the labels over
    them, and every species; it moves the slices, and the plane that cuts everything open. Where a
    membrane is closed it is cut open from the start. A view needs no network and no kernel: in a
    notebook that is saved, it stays.

    Parameters
    ----------
    shown : Shown
        What it shows; `view` gathers it.
    progress : bool, optional
        Whether to show a progress bar while the page is made, from a second on.
    """

    def __init__(self, shown: Shown, *, progress: bool = True) -> None:
        self.shown, self._progress = shown, progress

    def __repr__(self) -> str:
        scene = self.shown.scene
        held = f"{scene.n_instances} instances of {len(scene.species)} species"
        return f"View({held}; save(path) writes it as a page)"

    def _repr_html_(self) -> str:
        """Return the page in a frame of a notebook."""
        return (
            f'<iframe srcdoc="{escape(self.page)}" title="{escape(self.shown.name)}" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0"></iframe>'
        )

    @cached_property
    def page(self) -> str:
        """The page, as text."""
        script, style = (read_text(_CONTROLS.with_suffix(suffix)) for suffix in (".js", ".css"))
        with progress_bar("page", show=self._progress):
            page = scene_plot(self.shown).get_snapshot(additional_js_code=script)
        head = f"<title>{escape(self.shown.name)}</title>\n<style>\n{style}</style>"
        return re.sub("<title>.*?</title>", lambda _: head, page, count=1)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the view as a page for any browser, and return its path."""
        write_text(Path(path), self.page)
        return Path(path)


def view(
    shown: PackedScene | RunFolder | str | os.PathLike[str],
    *,
    density: Volume | None = None,
    labels: LabelVolume | None = None,
    tomogram: Volume | None = None,
    progress: bool = True,
) -> View:
    """Return a view that one can turn, of a packed scene or of a run's folder.

    Parameters
    ----------
    shown : PackedScene, RunFolder or path-like
        The packed scene, or the folder that ``cgpack simulate`` made, whose own volumes are shown
        where none are given.
    density, tomogram : Volume, optional
        What slices show: the tomogram, or the density where there is none.
    labels : LabelVolume, optional
        Instance or semantic labels, to show over the slices in the colours of the species. Without
        names, label i is instance i of the scene, counted from 1.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

    Returns
    -------
    View
        It shows itself in a notebook; ``save("view.html")`` writes it as a page.

    Raises
    ------
    MissingExtra
        The extra ``viz`` is not installed.
    ValueError
        The volumes stand on different grids.

    Examples
    --------
    >>> from openmm_cgpack import Filament, as_packed, place
    >>> packed = as_packed(place([(Filament(n_balls=5).build(), 2)], seed=1))
    >>> view(packed)
    View(2 instances of 1 species; save(path) writes it as a page)
    >>> packed.view().save("view.html")  # doctest: +SKIP
    PosixPath('view.html')
    """
    if why := Html().lacks():
        raise MissingExtra(f"view: {why}")
    if isinstance(shown, PackedScene):
        packed, name = shown, "packed scene"
    else:
        folder = shown if isinstance(shown, RunFolder) else RunFolder(shown)
        packed, name = folder.packed(), folder.path.resolve().name
        if density is None and folder.has(DENSITY):
            density = folder.density()
        if tomogram is None and folder.has(TOMOGRAM):
            tomogram = folder.tomogram()
        if labels is None and mask_file(folder.path, SEMANTIC).is_file():
            names = tuple(model.name for model in packed.scene.species)
            labels = replace(folder.labels(SEMANTIC), names=names)
    with progress_bar("view", show=progress):
        what = shown_of_packed(packed, density=density, labels=labels, tomogram=tomogram, name=name)
    return View(what, progress=progress)


PackedScene.viewer = staticmethod(view)
