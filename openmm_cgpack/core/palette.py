"""Colours: the same in every picture and file."""

from __future__ import annotations

from functools import cache

import numpy as np

INK = "#222222"
"""Text, axes and lines."""
BLUE, RED, ORANGE, GREEN = "#2a6f97", "#c1121f", "#d9793b", "#2b6c4f"
"""Curves and bars, in this order."""
GREY, PALE = "#999999", "#d9d9d9"
"""What is there for comparison, and bands behind curves."""

_FIRST = (0.68, 0.13, 40.0)
"""Lightness, chroma and hue in degrees of the first species, an orange."""

_LIGHTNESS = np.linspace(0.5, 0.85, 9)
"""Neither black nor white: colours are shaded, and lie on white and on grey."""

_CHROMA = np.linspace(0.06, 0.15, 4)
"""Neither grey nor glaring."""

_HUES = np.arange(0.0, 360.0, 10.0)

_COLOUR_BLIND_WEIGHT = 2.0
"""What a colour-blind person sees counts this many times: there are fewer colours to choose from,
and others are not to lose by it."""

# Oklab to cone responses and these to linear sRGB: B. Ottosson, "A perceptual color space for
# image processing" (2020).
_LAB_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_CONES_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for simulation
# of color vision deficiency", IEEE TVCG 15 (2009), severity 1.
COLOUR_BLIND = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What those see of linear sRGB who lack one kind of cones."""


def species_colours(n: int) -> np.ndarray:
    """Return `n` well-distinguishable colours, the first ones always the same: (n, 3) sRGB, 0 to 1.

    Each is, of a lattice of colours in Oklab, the one that is farthest from all before it, to
    those with normal vision and to the colour-blind. They begin anew where the lattice ends, after
    about a thousand.

    Examples
    --------
    >>> species_colours(12).shape
    (12, 3)
    """
    lab, linear = _candidates()
    chosen = linear[np.resize(_far_apart(min(n, len(lab))), n).astype(int)]
    return np.where(chosen <= 0.0031308, 12.92 * chosen, 1.055 * chosen ** (1 / 2.4) - 0.055)


def species_bytes(n: int) -> list[list[int]]:
    """Return the same colours as `n` lists of red, green and blue from 0 to 255."""
    return np.rint(species_colours(n) * 255).astype(int).tolist()


def oklab(linear: np.ndarray) -> np.ndarray:
    """Return Oklab's lightness and two axes of linear sRGB (n, 3)."""
    cones = np.cbrt(np.clip(linear @ np.linalg.inv(_CONES_TO_RGB).T, 0, None))
    return cones @ np.linalg.inv(_LAB_TO_CONES).T


def _from_hue(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Return Oklab of polar coordinates; the hue in degrees."""
    turn = np.radians(hue)
    return np.stack([lightness, chroma * np.cos(turn), chroma * np.sin(turn)], axis=-1)


@cache
def _candidates() -> tuple[np.ndarray, np.ndarray]:
    """Return the lattice of colours that a screen can show, in Oklab and in linear sRGB."""
    lattice = np.meshgrid(_LIGHTNESS, _CHROMA, _HUES, indexing="ij")
    lab = _from_hue(*(axis.ravel() for axis in lattice))
    linear = (lab @ _LAB_TO_CONES.T) ** 3 @ _CONES_TO_RGB.T
    shown = ((linear >= 0) & (linear <= 1)).all(axis=1)
    return lab[shown], linear[shown]


@cache
def _far_apart(n: int) -> list[int]:
    """Return the numbers of `n` candidates, each the farthest from all before it."""
    lab, linear = _candidates()
    seen = [
        _COLOUR_BLIND_WEIGHT * oklab(np.clip(linear @ np.transpose(matrix), 0, 1))
        for matrix in COLOUR_BLIND.values()
    ]
    first = int(np.linalg.norm(lab - _from_hue(*np.array(_FIRST)), axis=1).argmin())
    chosen, apart = [first][:n], np.full(len(lab), np.inf)
    while len(chosen) < n:
        for colours in (lab, *seen):
            away = np.linalg.norm(colours - colours[chosen[-1]], axis=1)
            apart = np.minimum(apart, away)
        chosen.append(int(apart.argmax()))
    return chosen
