"""Placing, building the System, and driving it until it is packed."""

from .addition import Insertion, insert
from .cell import Cell
from .clashes import ClashRemoval, remove_clashes
from .compression import Compression, compress
from .counts import fit_box, fit_counts
from .dense import Dense, crowding_series
from .frames import FrameReporter
from .placement import Placement, Start, place
from .populating import populate
from .protocols import Block, Packing, Protocol, Stop
from .pull import Pull, pack, pack_scene
from .scenes import (
    as_packed,
    box_fraction,
    deepest_overlap,
    filled_fraction,
    overlaps,
    radius_of_gyration,
)
from .settling import Settling
from .simulations import Run, choose_platform, platform_names
from .squeeze import Squeeze
from .system import create_system, to_topology

__all__ = [
    "Block",
    "Cell",
    "ClashRemoval",
    "Compression",
    "Dense",
    "FrameReporter",
    "Insertion",
    "Packing",
    "Placement",
    "Protocol",
    "Pull",
    "Run",
    "Settling",
    "Squeeze",
    "Start",
    "Stop",
    "as_packed",
    "box_fraction",
    "choose_platform",
    "compress",
    "create_system",
    "crowding_series",
    "deepest_overlap",
    "filled_fraction",
    "fit_box",
    "fit_counts",
    "insert",
    "overlaps",
    "pack",
    "pack_scene",
    "place",
    "platform_names",
    "populate",
    "radius_of_gyration",
    "remove_clashes",
    "to_topology",
]
