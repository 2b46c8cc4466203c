"""Data sets: many scenes of one recipe with distributions, in one folder that trainers read."""

from .folder import DatasetFolder
from .making import dataset
from .scoring import score_picks
from .tomograms import LabelledTomograms
from .workers import Workers

__all__ = ["DatasetFolder", "LabelledTomograms", "Workers", "dataset", "score_picks"]
