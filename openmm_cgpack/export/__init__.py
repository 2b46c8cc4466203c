"""Ground truth for other programs and for viewers: one file a format.

A user's own format is a class of its own module, see `Format`.
"""

from .chimerax import ChimeraX
from .copick import Copick
from .denoising import Denoising
from .dynamo import Dynamo
from .exporting import Export, export_run, export_runs, export_truth
from .formats import Format, PointFormat
from .html import Html, View, view
from .imod import Imod
from .kaggle import Kaggle
from .napari import Napari
from .nnunet import NnUnet
from .omezarr import OmeZarr
from .portal import Portal
from .relion5 import Relion5
from .shrec import Shrec
from .truth import GroundTruth, ground_truth, load_truth
from .viewing import write_viewers

__all__ = [
    "ChimeraX",
    "Copick",
    "Denoising",
    "Dynamo",
    "Export",
    "Format",
    "GroundTruth",
    "Html",
    "Imod",
    "Kaggle",
    "Napari",
    "NnUnet",
    "OmeZarr",
    "PointFormat",
    "Portal",
    "Relion5",
    "Shrec",
    "View",
    "export_run",
    "export_runs",
    "export_truth",
    "ground_truth",
    "load_truth",
    "view",
    "write_viewers",
]
