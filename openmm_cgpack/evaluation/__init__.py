"""Tomograms and truth to scores: picking, matching, segmentation."""

from .assignment import ASSIGNMENTS
from .curves import (
    SIGMAS_NM,
    CrowdedCase,
    CurvePoint,
    best_points,
    crowding_curve,
    dog_curve,
    imaging_series,
)
from .dog import difference_of_gaussians, local_maxima, pick_dog
from .matching import RULES, match_picks, select_particles
from .scores import PickScores, SpeciesScores, f_score, pool_scores, weighted_f
from .segmentation import SegmentationScores, Segmenter, confusion_matrix, score_labels

__all__ = [
    "ASSIGNMENTS",
    "RULES",
    "SIGMAS_NM",
    "CrowdedCase",
    "CurvePoint",
    "PickScores",
    "SegmentationScores",
    "Segmenter",
    "SpeciesScores",
    "best_points",
    "confusion_matrix",
    "crowding_curve",
    "difference_of_gaussians",
    "dog_curve",
    "f_score",
    "imaging_series",
    "local_maxima",
    "match_picks",
    "pick_dog",
    "pool_scores",
    "score_labels",
    "select_particles",
    "weighted_f",
]
