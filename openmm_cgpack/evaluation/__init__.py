"""Scores of picks and segmentations, and the paper's two methods: DoG picking and a network."""

from ..core.particles import Picks
from .dog_picker import DogPicker
from .matching_rules import ASSIGNMENTS, CziiRule, MatchingRule, PaperRule, ShrecRule
from .network_training import LARGE, SMALL, Epoch, Trained, Training, train_fcn
from .patches import (
    Cubes,
    GridCubes,
    LabelledTomogram,
    Patches,
    RandomCubes,
    split_tomograms,
)
from .pick_scores import (
    PickScores,
    SpeciesScores,
    f_score,
    match_picks,
    pool_scores,
    select_particles,
    weighted_f,
)
from .picking_curves import (
    PAPER_PICKERS,
    CurvePoint,
    PickingCase,
    best_points,
    picking_curve,
    picks_of_labels,
    random_picks,
)
from .segmentation_network import FcnModel, Network, load_model, new_model, predict, save_model
from .segmentation_scores import SegmentationScores, Segmenter, confusion_matrix, score_labels

__all__ = [
    "ASSIGNMENTS",
    "LARGE",
    "PAPER_PICKERS",
    "SMALL",
    "Cubes",
    "CurvePoint",
    "CziiRule",
    "DogPicker",
    "Epoch",
    "FcnModel",
    "GridCubes",
    "LabelledTomogram",
    "MatchingRule",
    "Network",
    "PaperRule",
    "Patches",
    "PickScores",
    "PickingCase",
    "Picks",
    "RandomCubes",
    "SegmentationScores",
    "Segmenter",
    "ShrecRule",
    "SpeciesScores",
    "Trained",
    "Training",
    "best_points",
    "confusion_matrix",
    "f_score",
    "load_model",
    "match_picks",
    "new_model",
    "picking_curve",
    "picks_of_labels",
    "pool_scores",
    "predict",
    "random_picks",
    "save_model",
    "score_labels",
    "select_particles",
    "split_tomograms",
    "train_fcn",
    "weighted_f",
]
