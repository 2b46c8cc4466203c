"""Final positions to rigid transforms."""

from .extraction import Poses, extract_transforms
from .monomers import structure_poses

__all__ = ["Poses", "extract_transforms", "structure_poses"]
