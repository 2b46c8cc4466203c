"""Placing, building the System, and driving it until it is packed."""

from .measure import deepest_overlap, filled_fraction, overlaps, radius_of_gyration
from .place import place
from .platforms import choose_platform, platform_names
from .protocol import pack, pack_scene
from .system import create_system
from .topology import FrameReporter, to_topology, write_topology, write_trajectory

__all__ = [
    "FrameReporter",
    "choose_platform",
    "create_system",
    "deepest_overlap",
    "filled_fraction",
    "overlaps",
    "pack",
    "pack_scene",
    "place",
    "platform_names",
    "radius_of_gyration",
    "to_topology",
    "write_topology",
    "write_trajectory",
]
