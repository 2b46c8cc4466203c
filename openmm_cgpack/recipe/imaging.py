"""From a recipe's density to its tomogram."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core import LabelVolume, Volume
from ..core.seeds import stage_seed
from ..imaging import (
    IDEAL_MICROSCOPE,
    Carbon,
    ContrastTransfer,
    Detector,
    Envelope,
    Gold,
    Ice,
    Microscope,
    MissingWedge,
    OneStep,
    Projection,
    RadiationDamage,
    Reconstruction,
    Rendered,
    TiltErrors,
    TiltImaging,
    TiltScheme,
    render,
)
from ..io import write_mrc
from ..io.tilts import save_tilts, write_imod
from .sections import Recipe

STACK = "tilt_series.mrcs"
"""File of the images."""


def build_imaging(recipe: Recipe) -> OneStep | TiltImaging:
    """Return the imaging of a recipe."""
    settings = recipe.imaging
    if settings.preset == "paper":
        return _one_step(recipe)
    scheme = TiltScheme(
        tilt_min_deg=settings.tilt_min,
        tilt_max_deg=settings.tilt_max,
        tilt_step_deg=settings.tilt_step,
        order=settings.order,
        total_dose_e_per_a2=settings.total_dose,
    )
    clean = settings.preset == "clean"
    carbon = None
    if settings.carbon_edge is not None:
        carbon = Carbon(edge=settings.carbon_edge, thickness=settings.carbon_thickness)
    gold = None
    if settings.gold:
        gold = Gold(count=settings.gold, diameter=settings.gold_diameter, place=settings.gold_place)
    return TiltImaging(
        ice=Ice(thickness=settings.ice_thickness, grain=0.0 if clean else settings.ice_grain),
        gold=gold,
        carbon=carbon,
        microscope=_ideal(recipe, scheme) if clean else _microscope(recipe, scheme),
        reconstruction=Reconstruction(
            method=settings.method,
            filter=settings.filter,
            iterations=settings.iterations,
            ctf=settings.ctf,
            align=settings.align,
            dark=settings.dark,
        ),
        snr=settings.snr,
        snr_definition=settings.snr_definition,
        halves=settings.halves,
    )


def _one_step(recipe: Recipe) -> OneStep:
    settings = recipe.tomogram
    return OneStep(
        voltage_kv=settings.voltage_kv,
        transfer=ContrastTransfer(
            defocus_um=settings.defocus_um,
            cs_mm=settings.cs_mm,
            amplitude_contrast=settings.amplitude_contrast,
        ),
        envelope=None if settings.envelope is None else Envelope(cutoff=settings.envelope),
        wedge=MissingWedge(tilt_max_deg=settings.tilt_max),
        snr=settings.snr,
        snr_definition=settings.snr_definition,
    )


def _ideal(recipe: Recipe, scheme: TiltScheme) -> Microscope:
    border = replace(IDEAL_MICROSCOPE.projection, border=recipe.imaging.border)
    return replace(IDEAL_MICROSCOPE, scheme=scheme, projection=border)


def _microscope(recipe: Recipe, scheme: TiltScheme) -> Microscope:
    settings = recipe.imaging
    return Microscope(
        voltage_kv=settings.voltage_kv,
        scheme=scheme,
        projection=Projection(border=settings.border, gradient=settings.gradient),
        damage=RadiationDamage() if settings.damage else None,
        transfer=ContrastTransfer(
            defocus_um=settings.defocus_um,
            astigmatism_um=settings.astigmatism_um,
            astigmatism_angle_deg=settings.astigmatism_angle,
            cs_mm=settings.cs_mm,
            amplitude_contrast=settings.amplitude_contrast,
            phase_shift_deg=settings.phase_shift,
        ),
        detector=Detector(camera=settings.camera, pixel_size=settings.camera_pixel_size),
        errors=TiltErrors(
            shift=settings.shift_error,
            rotation_deg=settings.rotation_error,
            angle_deg=settings.angle_error,
            defocus_um=settings.defocus_error,
        ),
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
    seed = stage_seed(recipe.seed, "noise", recipe.index)
    rendered = render(density, build_imaging(recipe), seed=seed, progress=progress)
    return rendered, dict(rendered.additions)


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
    one_step = recipe.imaging.preset == "paper"
    settings = recipe.tomogram if one_step else recipe.imaging
    record: dict[str, Any] = {
        "preset": recipe.imaging.preset,
        "snr_definition": settings.snr_definition,
        "snr_asked": settings.snr,
        "snr_measured": rendered.snr.get(settings.snr_definition),
    }
    if not one_step:
        record["snr_all"] = dict(rendered.snr)
        record["tilts"] = 0 if rendered.series is None else len(rendered.series)
    return record
