"""Recipes run into folders, gone on with, and read again."""

from .folder import RunFolder

__all__ = ["RunFolder"]
