"""Files, ids and the shipped library to atomic structures."""

from .envelope import envelope_mask, envelope_volume
from .load import load_structure
from .reduce import reduce_structure

__all__ = ["envelope_mask", "envelope_volume", "load_structure", "reduce_structure"]
