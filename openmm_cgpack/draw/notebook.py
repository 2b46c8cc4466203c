"""The pictures that objects have in a notebook, below their tables: small, and quickly drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.display import picture_of
from ..core.particles import ParticleTable
from ..core.scene import PackedScene, Scene
from ..core.tilts import TiltSeries
from ..core.volume import LabelVolume, Volume
from .particles import plot_particles
from .scenes import plot_balls
from .volumes import plot_slices, plot_tilts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@picture_of(Scene, PackedScene)
def _scene(scene: Scene | PackedScene) -> Figure:
    return plot_balls(scene, size=480)


@picture_of(Volume, LabelVolume)
def _volume(volume: Volume | LabelVolume) -> Figure:
    return plot_slices(volume)


@picture_of(TiltSeries)
def _tilts(series: TiltSeries) -> Figure:
    return plot_tilts(series)


@picture_of(ParticleTable)
def _particles(table: ParticleTable) -> Figure:
    return plot_particles(table)
