"""Final positions to rigid transforms, and what has gone through membranes on the way."""

from .extraction import Poses, extract_transforms
from .monomers import structure_poses
from .sides import Crossings, crossings

__all__ = ["Crossings", "Poses", "crossings", "extract_transforms", "structure_poses"]
