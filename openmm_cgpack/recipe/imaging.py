"""From a recipe's density to its tomogram."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..core import LabelVolume, Volume
from ..core.seeds import stage_seed
from ..imaging import (
    OneStep,
    Reconstruction,
    Rendered,
    TiltErrors,
    TiltImaging,
    TiltScheme,
    add_carbon,
    add_gold,
    ideal_microscope,
    in_ice,
    measure_snr,
    microscope,
    one_step_stages,
    render,
)
from ..imaging.acquisition import child
from ..io import write_mrc
from ..io.tilts import save_tilts, write_imod
from .sections import Recipe

STACK = "tilt_series.mrcs"
"""File of the images."""


def build_imaging(recipe: Recipe) -> OneStep | TiltImaging:
    """Return the imaging of a recipe."""
    settings = recipe.imaging
    if settings.preset == "paper":
        tomogram = recipe.tomogram
        return OneStep(
            snr=tomogram.snr,
            snr_definition=tomogram.snr_definition,
            tilt_max=tomogram.tilt_max,
            defocus_um=tomogram.defocus_um,
            voltage_kv=tomogram.voltage_kv,
            cs_mm=tomogram.cs_mm,
            amplitude_contrast=tomogram.amplitude_contrast,
            envelope=tomogram.envelope,
        )
    scheme = TiltScheme(
        tilt_min=settings.tilt_min,
        tilt_max=settings.tilt_max,
        tilt_step=settings.tilt_step,
        order=settings.order,
        total_dose_e_per_a2=settings.total_dose,
    )
    reconstruction = Reconstruction(
        method=settings.method,
        filter=settings.filter,
        iterations=settings.iterations,
        ctf=settings.ctf,
        align=settings.align,
        dark=settings.dark,
    )
    if settings.preset == "clean":
        return TiltImaging(
            microscope=ideal_microscope(scheme=scheme, border=settings.border),
            reconstruction=reconstruction,
            noise=False,
        )
    scope = microscope(
        scheme=scheme,
        defocus_um=settings.defocus_um,
        astigmatism_um=settings.astigmatism_um,
        astigmatism_angle=np.deg2rad(settings.astigmatism_angle),
        voltage_kv=settings.voltage_kv,
        cs_mm=settings.cs_mm,
        amplitude_contrast=settings.amplitude_contrast,
        phase_shift=np.deg2rad(settings.phase_shift),
        gradient=_or_none(settings.gradient),
        border=settings.border,
        damage=settings.damage,
        camera=settings.camera,
        camera_pixel_size=settings.camera_pixel_size,
        errors=TiltErrors(
            shift=settings.shift_error,
            rotation_deg=settings.rotation_error,
            angle_deg=settings.angle_error,
            defocus_um=settings.defocus_error,
        ),
    )
    return TiltImaging(
        microscope=scope,
        reconstruction=reconstruction,
        snr=settings.snr,
        snr_definition=settings.snr_definition,
        halves=_or_none(settings.halves),
    )


def render_recipe(
    recipe: Recipe, density: Volume, *, progress: bool = False
) -> tuple[Rendered, dict[str, LabelVolume]]:
    """Make the tomogram of a recipe.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    density : Volume
        Its density, Da/nm³.
    progress : bool, optional
        Whether to show progress bars on standard error.

    Returns
    -------
    rendered : Rendered
        The tomogram, and the tilt series where there is one.
    additions : dict
        ``"gold"`` and ``"carbon"`` where the specimen has them: their masks.
    """
    settings = recipe.imaging
    seed = stage_seed(recipe.seed, "noise", recipe.index)
    imaging = build_imaging(recipe)
    if settings.preset == "paper":
        return render(density, imaging, seed=seed, progress=progress), {}
    grain = 0.0 if settings.preset == "clean" else settings.ice_grain
    specimen = in_ice(density, thickness=settings.ice_thickness, grain=grain)
    additions: dict[str, LabelVolume] = {}
    if settings.carbon_edge is not None:
        specimen, additions["carbon"] = add_carbon(
            specimen,
            edge=settings.carbon_edge,
            thickness=settings.carbon_thickness,
            seed=child(seed, 10),
        )
    if settings.gold:
        specimen, additions["gold"] = add_gold(
            specimen,
            count=settings.gold,
            diameter=settings.gold_diameter,
            place=settings.gold_place,
            seed=child(seed, 11),
        )
    return render(specimen, imaging, seed=seed, progress=progress), additions


def write_rendered(
    folder: str | os.PathLike[str], rendered: Rendered, additions: dict[str, LabelVolume]
) -> None:
    """Write the tomogram, its halves and its tilt series.

    ``tomogram.mrc``; ``even.mrc`` and ``odd.mrc``, two halves without common noise; the images
    with ``.json``, ``.rawtlt``, ``.xf`` and ``.mrcs.mdoc``; ``gold.mrc`` and ``carbon.mrc``,
    masks of what the specimen holds beside the scene.

    Parameters
    ----------
    folder : path-like
        Where to write; it exists.
    rendered : Rendered
        What `render_recipe` made.
    additions : dict
        Masks by name.
    """
    folder = Path(folder)
    write_mrc(folder / "tomogram.mrc", rendered.tomogram)
    for name, half in zip(("even", "odd"), rendered.halves, strict=False):
        write_mrc(folder / f"{name}.mrc", half)
    for name, mask in additions.items():
        write_mrc(folder / f"{name}.mrc", mask)
    if rendered.series is not None:
        series, stack = rendered.series, folder / STACK
        save_tilts(stack, series)
        write_imod(stack, series)


def describe_tomogram(recipe: Recipe, rendered: Rendered) -> dict[str, Any]:
    """Return what a manifest says of a tomogram, in plain JSON types.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    rendered : Rendered
        What `render_recipe` made.

    Returns
    -------
    dict
        The preset, and the signal-to-noise ratio as asked for and as measured; None where there
        is none.
    """
    if recipe.imaging.preset != "paper":
        settings = recipe.imaging
        return {
            "preset": settings.preset,
            "snr_definition": settings.snr_definition,
            "snr_asked": settings.snr,
            "snr_measured": rendered.snr.get(settings.snr_definition),
            "snr_all": rendered.snr,
            "tilts": 0 if rendered.series is None else len(rendered.series),
        }
    tomogram = recipe.tomogram
    stages = one_step_stages(
        tilt_max=tomogram.tilt_max,
        defocus_um=tomogram.defocus_um,
        voltage_kv=tomogram.voltage_kv,
        cs_mm=tomogram.cs_mm,
        amplitude_contrast=tomogram.amplitude_contrast,
        envelope=tomogram.envelope,
    )
    measured = measure_snr(
        rendered.tomogram, rendered.signal, definition=tomogram.snr_definition, stages=stages
    )
    return {
        "preset": "paper",
        "snr_definition": tomogram.snr_definition,
        "snr_asked": tomogram.snr,
        "snr_measured": measured,
    }


def _or_none(word: str) -> str | None:
    return None if word == "none" else word
