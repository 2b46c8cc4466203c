"""What a tilt series costs, stage by stage."""

import resource
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate

from openmm_cgpack.core import Volume
from openmm_cgpack.imaging import (
    IDEAL_MICROSCOPE,
    ContrastTransfer,
    Ice,
    Illumination,
    Microscope,
    OneStep,
    Projection,
    Projector,
    Reconstruction,
    TiltScheme,
    acquire,
    fourier_shell_correlation,
    in_ice,
    potential,
    reconstruct,
    render,
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


def krios(scheme, gradient):
    """Return a Titan Krios with some gradient of the defocus."""
    return Microscope(scheme=scheme, projection=Projection(gradient=gradient))


def test_tilt_series(density, full, record):
    """Each stage of a tilt series against the projection alone."""
    scheme = TiltScheme() if full else TiltScheme(tilt_step_deg=15)
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

    smooth, grainy = (in_ice(potential(density), Ice(grain=grain)) for grain in (0.0, 1.0))
    for what, specimen, scope in (
        ("images: ideal contrast, mirrored borders", smooth, IDEAL_MICROSCOPE),
        ("images: and all stages of titan_krios_k3", smooth, krios(scheme, "none")),
        ("images: and the gradient in strips", smooth, krios(scheme, "across")),
        ("images: and the gradient in slabs", smooth, krios(scheme, "through")),
        ("images: and the grain of the ice", grainy, krios(scheme, "through")),
    ):
        scope = replace(scope, scheme=scheme)
        series, seconds = timed(
            lambda specimen=specimen, scope=scope: acquire(specimen, scope, seed=1, threads=2)
        )
        add(what, seconds)
    for what, how in (
        ("reconstruction: WBP, ramp", Reconstruction()),
        (
            "reconstruction: WBP, exact filter, phases flipped",
            Reconstruction(filter="exact", ctf="flip"),
        ),
        ("reconstruction: SIRT, 10 iterations", Reconstruction(method="sirt", iterations=10)),
    ):
        _, seconds = timed(lambda how=how: reconstruct(series, how, threads=2))
        add(what, seconds)
    _, seconds = timed(lambda: render(density, OneStep(snr=0.1), threads=2, seed=1))
    add("one-step model", seconds)
    record(rows, note="CPU time of all threads; 2 threads.")
    ratios = {row["what"]: float(row["time over one projection of all tilts"]) for row in rows}
    if full:
        assert ratios["for comparison: `scipy.ndimage.rotate` and sum"] > 10
        assert ratios["images: and all stages of titan_krios_k3"] < 20


def test_gradient_of_the_defocus(density, record):
    """What strips and slabs change in an image, over its contrast."""
    scheme = TiltScheme(tilt_min_deg=60, tilt_max_deg=60)
    rows = []
    whole = {}
    specimen = in_ice(potential(density), Ice())
    for gradient in ("none", "across", "through"):
        scope = replace(
            IDEAL_MICROSCOPE,
            scheme=scheme,
            transfer=ContrastTransfer(defocus_um=5.0),
            projection=Projection(gradient=gradient),
        )
        whole[gradient] = acquire(specimen, scope, seed=1, noise=False).images[0]
    spread = whole["through"].std()
    for gradient in ("none", "across"):
        difference = (whole[gradient] - whole["through"]).std() / spread
        rows.append(
            {
                "gradient": gradient,
                "rms difference from slabs over rms contrast": f"{difference:.3f}",
            }
        )
    record(rows, note="One image at 60 degrees, 5 µm underfocus.")
    assert whole["none"].std() == pytest.approx(spread, rel=0.2)


def balls(number, shape, radius=5.0):
    """Return balls of protein at random places of a box that repeats."""
    points = np.zeros(shape)
    points[tuple(np.random.default_rng(0).integers(0, shape, (number, 3)).T)] = 1
    z, y, x = (np.fft.fftfreq(n) * n for n in shape)
    ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < radius**2
    data = np.fft.irfftn(np.fft.rfftn(points) * np.fft.rfftn(ball), shape, axes=(0, 1, 2))
    return Volume(
        data=700 * np.minimum(data.round(), 1),
        voxel_size=1.0,
        origin=(0, 0, 0),
        periodic=(True,) * 3,
    )


def test_snr_by_tilt(full, record):
    """How much worse high tilts are, with what takes of them and without."""
    scheme = TiltScheme() if full else TiltScheme(tilt_step_deg=30)
    scope = Microscope(scheme=scheme)
    thin = Illumination(plural_scattering=False)
    ways = {
        "preset": (scope, Ice()),
        "without": (replace(scope, motion=None, illumination=thin), Ice(cover=0.0)),
    }
    wide, rows = 150 if full else 64, []
    shown = [0, 30, 45, 60] if full else [0, 30, 60]
    for height in (60, 120, 200) if full else (60,):
        for filled in (0.35, 0.01):
            number = round(-np.log(1 - filled) * height * wide**2 / (4 / 3 * np.pi * 5.0**3))
            density = potential(balls(number, (height, wide, wide)))
            row = {"box, nm": f"{wide} x {wide} x {height}", "filled": f"{filled:.0%}"}
            for way, (microscope, ice) in ways.items():
                noisy, clean = (
                    acquire(in_ice(density, ice), microscope, noise=noise, seed=1).images
                    for noise in (True, False)
                )
                snr = clean.var(axis=(1, 2)) / (noisy - clean).var(axis=(1, 2))
                near = [snr[np.isclose(np.abs(scheme.degrees), tilt)].mean() for tilt in shown]
                row |= {f"{way}, {t}°": f"{n:.2g}" for t, n in zip(shown, near, strict=True)}
                if way == "preset":
                    assert near[-1] < 0.8 * near[0]
            rows.append(row)
    record(rows, note="Means of both signs of the tilt.")


def test_reconstruction(record):
    """Tilts against what a reconstruction recovers of clean dots."""
    rng = np.random.default_rng(3)
    data = np.zeros((64, 48, 64), np.float32)
    for centre in rng.integers([18, 12, 18], [46, 36, 46], (40, 3)):
        data[tuple(centre)] += 1
    dots = Volume(data=gaussian_filter(data, 1.2) * 3000, voxel_size=1.0, origin=(0, 0, 0))
    rows = []
    for step in (20, 12, 6, 3):
        scope = replace(
            IDEAL_MICROSCOPE,
            scheme=TiltScheme(tilt_step_deg=step),
            projection=Projection(border="vacuum", gradient="none"),
        )
        series = acquire(in_ice(potential(dots), Ice()), scope, noise=False, seed=0)
        for name, how in (
            ("WBP, ramp", Reconstruction(dark=False)),
            ("WBP, exact", Reconstruction(dark=False, filter="exact")),
            ("SIRT, 40 iterations", Reconstruction(dark=False, method="sirt", iterations=40)),
        ):
            tomogram = reconstruct(series, how)
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
