"""Tomograms and truth to scores: picking, matching, segmentation."""

from ..core.picks import Picks
from .assignment import ASSIGNMENTS
from .curves import (
    SIGMAS_NM,
    CrowdedCase,
    CurvePoint,
    best_points,
    chance_picks,
    crowding_curve,
    dog_curve,
    imaging_series,
)
from .dog import difference_of_gaussians, local_maxima, pick_dog
from .fcn import LARGE, SMALL, FcnModel, FcnSettings, load_model, new_model, predict, save_model
from .matching import RULES, match_picks, select_particles
from .scores import PickScores, SpeciesScores, f_score, pool_scores, weighted_f
from .segmentation import SegmentationScores, Segmenter, confusion_matrix, score_labels
from .training import (
    Epoch,
    LabelledTomogram,
    Trained,
    split_tomograms,
    split_volume,
    train_fcn,
)

__all__ = [
    "ASSIGNMENTS",
    "LARGE",
    "RULES",
    "SIGMAS_NM",
    "SMALL",
    "CrowdedCase",
    "CurvePoint",
    "Epoch",
    "FcnModel",
    "FcnSettings",
    "LabelledTomogram",
    "PickScores",
    "Picks",
    "SegmentationScores",
    "Segmenter",
    "SpeciesScores",
    "Trained",
    "best_points",
    "chance_picks",
    "confusion_matrix",
    "crowding_curve",
    "difference_of_gaussians",
    "dog_curve",
    "f_score",
    "imaging_series",
    "load_model",
    "local_maxima",
    "match_picks",
    "new_model",
    "pick_dog",
    "pool_scores",
    "predict",
    "save_model",
    "score_labels",
    "select_particles",
    "split_tomograms",
    "split_volume",
    "train_fcn",
    "weighted_f",
]
