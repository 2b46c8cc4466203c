"""The network itself: the one module of the package that imports torch when it is imported."""

from __future__ import annotations

from itertools import pairwise

import torch
from monai.networks.blocks import Convolution
from torch import nn


class EncoderDecoder(nn.Module):
    """A 3D encoder-decoder fully convolutional network with skip connections.

    The family of the paper's network (Liu et al. 2018; its list of layers is not public):
    convolutions of 3³ and max pooling on the way down, nearest-neighbour upsampling and
    convolutions on the way up, where the features before each pooling are joined to the
    upsampled ones, and a convolution of 1³ to one number a class. Every convolution of 3³ is
    padded with zeros and followed by batch normalisation and a rectifier.

    `n_classes` counts the background too; for the others see `Network`.
    """

    def __init__(self, *, n_classes: int, width: int, depth: int, convolutions: int) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(
            _block(before, after, convolutions)
            for before, after in zip([1, *widths[:-1]], widths, strict=True)
        )
        self.up = nn.ModuleList(
            _block(widths[level] + widths[level + 1], widths[level], convolutions)
            for level in reversed(range(depth))
        )
        self.head = nn.Conv3d(width, n_classes, 1)

    def forward(self, tomogram: torch.Tensor) -> torch.Tensor:
        """Return the logits (b, c, z, y, x) of tomograms (b, 1, z, y, x).

        Tomograms have zero mean and unit variance; edges are multiples of ``2**depth``.
        """
        features, skipped = tomogram, []
        for level, block in enumerate(self.down):
            if level:
                skipped.append(features)
                features = nn.functional.max_pool3d(features, 2)
            features = block(features)
        for block in self.up:
            features = nn.functional.interpolate(features, scale_factor=2, mode="nearest")
            features = block(torch.cat([skipped.pop(), features], dim=1))
        return self.head(features)


def _block(before: int, after: int, convolutions: int) -> nn.Sequential:
    widths = [before, *[after] * convolutions]
    return nn.Sequential(
        *(
            Convolution(3, one, other, act="RELU", norm="BATCH", bias=False)
            for one, other in pairwise(widths)
        )
    )
