"""Data sets: many scenes of one recipe with distributions, in one folder that trainers read."""

from .folder import DatasetFolder
from .making import dataset
from .workers import Workers

__all__ = ["DatasetFolder", "Workers", "dataset"]
