"""What a tilt series costs, stage by stage."""

import resource
import time

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate

from openmm_cgpack.core import Volume
from openmm_cgpack.imaging import (
    Microscope,
    Projection,
    Projector,
    TiltScheme,
    fourier_shell_correlation,
    ideal_microscope,
    image,
    in_ice,
    microscope,
    reconstruct,
    simulate_tomogram,
)


@pytest.fixture(scope="module")
def density(full):
    shape = (200, 512, 512) if full else (24, 64, 64)
    rng = np.random.default_rng(0)
    data = np.zeros(shape, np.float32)
    for _ in range(4000 if full else 40):
        size = rng.integers(6, 14)
        corner = [rng.integers(0, n - size) for n in shape]
        data[tuple(slice(c, c + size) for c in corner)] += 400
    return Volume(data=data, voxel_size=1.0, origin=(0, 0, 0))


def timed(function):
    start = time.process_time()
    result = function()
    return result, time.process_time() - start


def test_tilt_series(density, full, record):
    """Each stage of a tilt series against the projection alone."""
    scheme = TiltScheme() if full else TiltScheme(tilt_step=15)
    nz, ny, nx = density.data.shape
    angles = tuple(scheme.angles)
    rows = []

    def add(what, seconds):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(
            {
                "what": what,
                "time over one projection of all tilts": f"{seconds / alone:.1f}",
                "peak memory so far, GiB": f"{peak:.1f}",
            }
        )

    projector = Projector(shape=(nz, nx), angles=angles)
    _, building = timed(lambda: projector.matrix)
    images, alone = timed(lambda: projector.forward(density.data, threads=2))
    add(f"projection, {len(scheme)} tilts of {nx} x {ny} x {nz}", alone)
    add("its sparse matrix", building)
    _, building = timed(lambda: projector.transposed)
    _, back = timed(lambda: projector.transpose(images, threads=2))
    add("transpose of the matrix", building)
    add("back-projection", back)

    _, turned = timed(
        lambda: rotate(density.data, 30.0, axes=(0, 2), order=1, reshape=False).sum(axis=0)
    )
    add("for comparison: `scipy.ndimage.rotate` and sum", turned * len(scheme))

    smooth = in_ice(density, grain=0.0)
    for what, scope in (
        ("images: projection with mirrored borders", Microscope(scheme=scheme, stages=())),
        ("images: and all stages of titan_krios_k3", microscope(scheme=scheme, gradient=None)),
        ("images: and the gradient in strips", microscope(scheme=scheme, gradient="across")),
        ("images: and the gradient in slabs", microscope(scheme=scheme)),
    ):
        series, seconds = timed(lambda scope=scope: image(smooth, scope, seed=1, threads=2))
        add(what, seconds)
    scope = microscope(scheme=scheme)
    series, seconds = timed(lambda: image(density, scope, seed=1, threads=2))
    add("images: and the grain of the ice", seconds)
    for what, settings in (
        ("reconstruction: WBP, ramp", {}),
        ("reconstruction: WBP, exact filter, phases flipped", {"filter": "exact", "ctf": "flip"}),
        ("reconstruction: SIRT, 10 iterations", {"method": "sirt", "iterations": 10}),
    ):
        _, seconds = timed(lambda settings=settings: reconstruct(series, threads=2, **settings))
        add(what, seconds)
    _, seconds = timed(lambda: simulate_tomogram(density, snr=0.1, threads=2, seed=1))
    add("one-step model", seconds)
    record(rows, note="CPU time of all threads; 2 threads.")
    ratios = {row["what"]: float(row["time over one projection of all tilts"]) for row in rows}
    if full:
        assert ratios["for comparison: `scipy.ndimage.rotate` and sum"] > 10
        assert ratios["images: and all stages of titan_krios_k3"] < 20


def test_gradient_of_the_defocus(density, record):
    """What strips and slabs change in an image, over its contrast."""
    scheme = TiltScheme(tilt_min=60, tilt_max=60)
    rows = []
    whole = {}
    for gradient in (None, "across", "through"):
        scope = Microscope(scheme=scheme, projection=Projection(gradient=gradient), ice_grain=0.0)
        whole[gradient] = image(density, scope, seed=1, noise=False).images[0]
    spread = whole["through"].std()
    for gradient in (None, "across"):
        difference = (whole[gradient] - whole["through"]).std() / spread
        rows.append(
            {
                "gradient": str(gradient),
                "rms difference from slabs over rms contrast": f"{difference:.3f}",
            }
        )
    record(rows, note="One image at 60 degrees, 5 µm underfocus.")
    assert whole[None].std() == pytest.approx(spread, rel=0.2)


def test_reconstruction(record):
    """Tilts against what a reconstruction recovers of clean dots."""
    rng = np.random.default_rng(3)
    data = np.zeros((64, 48, 64), np.float32)
    for centre in rng.integers([18, 12, 18], [46, 36, 46], (40, 3)):
        data[tuple(centre)] += 1
    dots = Volume(data=gaussian_filter(data, 1.2) * 3000, voxel_size=1.0, origin=(0, 0, 0))
    rows = []
    for step in (20, 12, 6, 3):
        scope = ideal_microscope(scheme=TiltScheme(tilt_step=step), border="vacuum")
        series = image(dots, scope, noise=False, seed=0)
        for name, settings in (
            ("WBP, ramp", {}),
            ("WBP, exact", {"filter": "exact"}),
            ("SIRT, 40 iterations", {"method": "sirt", "iterations": 40}),
        ):
            tomogram = reconstruct(series, dark=False, **settings)
            frequency, shells = fourier_shell_correlation(tomogram, dots, width=0.05)
            row = {
                "tilts": len(series),
                "method": name,
                "correlation": f"{np.corrcoef(tomogram.data.ravel(), dots.data.ravel())[0, 1]:.3f}",
            }
            row |= {f"FSC at {frequency[i]:.2f}/nm": f"{shells[i]:.3f}" for i in (1, 3, 5)}
            rows.append(row)
    record(rows)
    found = [float(row["correlation"]) for row in rows[::3]]
    assert found == sorted(found)
