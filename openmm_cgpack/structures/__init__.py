"""Files, ids and the shipped library to atomic structures."""

from .load import load_structure

__all__ = ["load_structure"]
