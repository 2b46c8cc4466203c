"""What a view costs: to make its page, and to draw it where there is no graphics card."""

import time

import pytest
from browser import TRIANGLES, Page, browser

from openmm_cgpack import Molecule, Slab, as_packed, library, place

pytest.importorskip("k3d")
pytest.importorskip("skimage")
psutil = pytest.importorskip("psutil")

SPECIES = 20


def processor_time():
    """Return what the browser's processes have taken, s."""
    times = (process.cpu_times() for process in psutil.Process().children(recursive=True))
    return sum(t.user + t.system for t in times)


def scene(models, molecules):
    """Return so many molecules in a slab, as crowded in any number."""
    edge = max(400.0 * (molecules / 4000) ** 0.5, 80.0)
    counts = [molecules // len(models)] * len(models)
    box = Slab(box=(edge, edge, 150.0))
    return as_packed(place(list(zip(models, counts, strict=True)), boundary=box, seed=3))


@pytest.mark.slow
def test_view(full, record, tmp_path):
    names = list(library)[: SPECIES if full else 4]
    models = sorted((Molecule(species=name).build() for name in names), key=lambda m: m.volume)
    rows = []
    with browser() as chromium:
        for molecules in (400, 1000, 2000, 4000) if full else (20,):
            packed = scene(models, molecules)
            start = time.process_time()
            path = packed.view().save(tmp_path / "view.html")
            made = time.process_time() - start
            clock, start = time.perf_counter(), processor_time()
            page = Page(chromium, path, size=(1000, 600))
            page.page.screenshot()
            waited, first = time.perf_counter() - clock, processor_time() - start
            start = processor_time()
            page.picture()
            rows.append(
                {
                    "molecules": molecules,
                    "triangles": page.frame.evaluate(TRIANGLES),
                    "page, MB": f"{path.stat().st_size / 1e6:.2f}",
                    "made in, s": f"{made:.1f}",
                    "first picture, s": f"{first:.1f}",
                    "another, s": f"{processor_time() - start:.1f}",
                    "waited for the first, s": f"{waited:.1f}",
                }
            )
            assert page.complaints == []
            page.page.close()
    note = (
        f"{len(models)} species of the library in a slab of 150 nm, no volumes; Chromium draws "
        "1000 x 600 pixels without a graphics card, by two busy cores. Processor time, but for "
        "what was waited."
    )
    record(rows, note=note)
