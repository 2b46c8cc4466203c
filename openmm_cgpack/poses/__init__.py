"""Final positions to rigid transforms."""

from .euler import from_zyz, to_quaternion, to_zyz
from .extract import Poses, extract_transforms

__all__ = ["Poses", "extract_transforms", "from_zyz", "to_quaternion", "to_zyz"]
