"""Placing, building the System, and driving it until it is packed."""

from .amounts import fit_box, fit_counts
from .compress import compress
from .dense import crowding_series
from .insert import insert
from .measure import box_fraction, deepest_overlap, filled_fraction, overlaps, radius_of_gyration
from .place import place
from .platforms import choose_platform, platform_names
from .protocol import pack, pack_scene
from .state import as_packed
from .system import create_system
from .tidy import tidy
from .topology import FrameReporter, to_topology, write_topology, write_trajectory

__all__ = [
    "FrameReporter",
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
    "radius_of_gyration",
    "tidy",
    "to_topology",
    "write_topology",
    "write_trajectory",
]
