"""Colours: the same in every picture and file."""

from __future__ import annotations

import numpy as np

INK = "#222222"
"""Text, axes and lines."""
BLUE, RED, ORANGE, GREEN = "#2a6f97", "#c1121f", "#d9793b", "#2b6c4f"
"""Curves and bars, in this order."""
GREY, PALE = "#999999", "#d9d9d9"
"""What is there for comparison, and bands behind curves."""

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))
_LIGHTNESS = (0.68, 0.54, 0.82, 0.61, 0.75)

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


def species_colours(n: int) -> np.ndarray:
    """Return `n` well-distinguishable colours, the first ones always the same: (n, 3) sRGB, 0 to 1.

    Hues advance by the golden angle in Oklab, so that no two nearby numbers look alike, and five
    levels of lightness alternate, so that hues that come close differ in lightness.

    Examples
    --------
    >>> species_colours(12).shape
    (12, 3)
    """
    number = np.arange(n)
    hue = 0.7 + number * _GOLDEN_ANGLE
    lightness = np.array(_LIGHTNESS)[number % len(_LIGHTNESS)]
    lab = np.stack([lightness, 0.13 * np.cos(hue), 0.13 * np.sin(hue)], axis=1)
    linear = ((lab @ _LAB_TO_CONES.T) ** 3 @ _CONES_TO_RGB.T).clip(0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).clip(
        0, 1
    )


def species_bytes(n: int) -> list[list[int]]:
    """Return the same colours as `n` lists of red, green and blue from 0 to 255."""
    return np.rint(species_colours(n) * 255).astype(int).tolist()
