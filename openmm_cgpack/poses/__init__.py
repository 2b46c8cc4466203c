"""Final positions to rigid transforms."""

from .extraction import Poses, extract_transforms

__all__ = ["Poses", "extract_transforms"]
