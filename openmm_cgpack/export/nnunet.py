"""A tree as nnU-Net trains on it: images and labels in NIfTI, and what the labels are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..core.messages import said_of
from ..core.settings import kind, setting
from ..core.tilts import TiltSeries
from ..core.units import ANGSTROM_PER_NM
from ..io.inputs import read_json
from ..io.shared_folders import SharedFolder
from .formats import Format
from .truth import GroundTruth

DATASET = "dataset.json"
ENDING = ".nii.gz"
WANTED = "an nnU-Net dataset.json"
MEMBRAIN = {"background": 0, "membrane": 1, "ignore": 2}
"""Labels of MemBrain-seg's training data (Lamm et al. 2024, bioRxiv 2024.01.05.574336)."""
FOLDERS = {"train": ("imagesTr", "labelsTr"), "test": ("imagesTs", "labelsTs")}


@kind("nnunet")
class NnUnet(Format):
    """An nnU-Net dataset, to which every export adds its tomogram: needs the extra ``[nnunet]``.

    ``imagesTr/RUN_0000.nii.gz`` is the tomogram, ``labelsTr/RUN.nii.gz`` its labels, and
    ``dataset.json`` names these. By default they are MemBrain-seg's: membranes, and a rim around
    them that the loss leaves out, as nobody can tell the last voxel of a membrane. Axes are x, y
    and z, and the spacing is in Å; the first voxel's centre is at 0.

    The folder becomes nnU-Net's ``nnUNet_raw/DatasetNNN_NAME``. Export test scenes with
    ``part="test"``: nnU-Net divides what is for training itself.
    """

    labels: Literal["membranes", "species"] = setting(
        "what is labelled: membranes, or every species with a label of its own",
        default="membranes",
    )
    rim: float = setting(
        "width of the rim around membranes that is ignored",
        unit="nm",
        default=1.0,
        minimum=0,
        usual=(0, 10),
    )
    part: Literal["train", "test"] = setting("what the tomogram is for", default="train")

    package = ("nibabel", "nnunet")
    names_runs = True
    merged = (DATASET,)

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Refuse a truth without a tomogram or membrane."""
        if truth.tomogram is None:
            return "wanted a tomogram, got none"
        if self.labels == "membranes" and not self._membranes(truth):
            return 'wanted a membrane, got none; labels = "species" labels what there is'
        return super().refuses(truth, tilts)

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write a dataset of this run alone."""
        self._write(folder, truth, self._joined(None, truth), others=set())

    def add(
        self, project: SharedFolder, truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> None:
        """Write the run, and ``dataset.json`` with the labels that it lacked."""
        there = project.shared_file(DATASET)
        held = None if there is None else read_json(there, wanted=WANTED)
        with said_of(project.path / DATASET, WANTED):
            config = self._joined(held, truth)
        images = project.path / FOLDERS["train"][0]
        others = {path.name for path in images.glob(f"*{ENDING}")}
        self._write(project.stage, truth, config, others=others)

    @staticmethod
    def _membranes(truth: GroundTruth) -> list[int]:
        """Return the labels of the species that are membranes."""
        kinds = map(truth.kind, truth.species)
        return [label for label, kind in enumerate(kinds, start=1) if kind == "membrane"]

    def _joined(self, held: dict[str, Any] | None, truth: GroundTruth) -> dict[str, Any]:
        """Return what ``dataset.json`` says of a run, and of others before it.

        A label that is there keeps its number.
        """
        config = held or {
            "channel_names": {"0": "cryo-ET"},
            "labels": dict(MEMBRAIN) if self.labels == "membranes" else {"background": 0},
            "numTraining": 0,
            "file_ending": ENDING,
            "description": "Simulated by openmm_cgpack; everything in it is known.",
        }
        names = config["labels"]
        if (self.labels == "membranes") != ("ignore" in names):
            raise ValueError(f"labels: wanted those of {self.labels}, got {', '.join(names)}")
        if self.labels == "species":
            for name in truth.file_names.values():
                names.setdefault(name, max(names.values()) + 1)
        return config

    def _numbers(self, truth: GroundTruth, names: dict[str, int]) -> np.ndarray:
        """Return the label of every voxel, (z, y, x) uint8 or uint16."""
        from scipy.ndimage import distance_transform_edt

        species = truth.semantic.data
        if self.labels == "species":
            table = np.array([0, *(names[name] for name in truth.file_names.values())])
            return table.astype(np.uint8 if table.max() < 256 else np.uint16)[species]
        membrane = np.isin(species, self._membranes(truth))
        labels = np.where(membrane, names["membrane"], 0).astype(np.uint8)
        if self.rim > 0:
            away = distance_transform_edt(~membrane, sampling=truth.grid.voxel_size)
            labels[~membrane & (away <= self.rim)] = names["ignore"]
        return labels

    def _write(
        self, folder: Path, truth: GroundTruth, config: dict[str, Any], *, others: set[str]
    ) -> None:
        import nibabel

        assert truth.tomogram is not None
        affine = np.diag([truth.grid.voxel_size * ANGSTROM_PER_NM] * 3 + [1.0])
        image, label = f"{truth.name}_0000{ENDING}", f"{truth.name}{ENDING}"
        pairs = {image: truth.tomogram.data, label: self._numbers(truth, config["labels"])}
        for place, (name, data) in zip(FOLDERS[self.part], pairs.items(), strict=True):
            (folder / place).mkdir()
            nibabel.save(nibabel.Nifti1Image(data.T, affine), folder / place / name)
        trained = others | {image} if self.part == "train" else others - {image}
        config["numTraining"] = len(trained)
        text = json.dumps(config, indent=1) + "\n"
        (folder / DATASET).write_text(text, encoding="utf-8")
