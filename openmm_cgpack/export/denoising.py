"""Tomograms and their halves, as programs that learn to denoise read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..core.messages import said_of
from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..io import write_mrc
from ..io.inputs import read_json
from ..io.shared_folders import SharedFolder
from .formats import Format
from .truth import GroundTruth

CONFIG = "train_data_config.json"
WANTED = "a configuration of cryoCARE"
LISTS = ("even", "odd")
MARKS = ("_EVN", "_ODD")
NEW = {
    "num_slices": 1200,
    "split": 0.9,
    "tilt_axis": "Y",
    "n_normalization_samples": 500,
    # It refuses a folder that is there, such as its template's "./".
    "path": "./train_data",
}
"""What cryoCARE's own template says of the training beside the lists of tomograms."""

_PATCH, _HALVED = 72, 8
"""Edge of a patch in its template, and what its network of three levels divides it by, voxels."""


@kind("denoising")
class Denoising(Format):
    """Even and odd halves for denoising, under AreTomo's names, to which every export adds its two.

    ``NAME_EVN_Vol.mrc`` and ``NAME_ODD_Vol.mrc`` share no noise, and ``NAME_Vol.mrc`` is the
    tomogram of all: DenoisET and IsoNet 2 take the folder as it is. ``train_data_config.json`` is
    cryoCARE's, which ``cryoCARE_extract_train_data.py`` reads in this folder; what it says already
    stays, but for patches that are too large for a tomogram.

    The halves are those of ``halves`` in ``[imaging]``.
    """

    names_runs = True
    merged = (CONFIG,)

    def refuses(self, truth: GroundTruth, tilts: TiltSeries | None = None) -> str | None:
        """Refuse a tomogram without halves."""
        if truth.tomogram is None or truth.halves is None:
            return 'wanted a tomogram and its halves; halves = "dose" in [imaging] makes them'
        return super().refuses(truth, tilts)

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the volumes of this run alone, and the configuration."""
        self._write(folder, truth, {})

    def add(
        self, project: SharedFolder, truth: GroundTruth, tilts: TiltSeries | None = None
    ) -> None:
        """Write the volumes of a run, and the configuration with those that it lacked."""
        there = project.shared_file(CONFIG)
        held = {} if there is None else read_json(there, wanted=WANTED)
        with said_of(project.path / CONFIG, WANTED):
            if any(not isinstance(held.get(name, []), list) for name in LISTS):
                raise ValueError(f"lists as {' and '.join(LISTS)}")
            if np.shape(held.get("patch_shape", [0, 0, 0])) != (3,):
                raise ValueError("three sizes as patch_shape")
            self._write(project.stage, truth, held)

    def _write(self, folder: Path, truth: GroundTruth, held: dict[str, Any]) -> None:
        self.check(truth)
        assert truth.halves is not None
        assert truth.tomogram is not None
        patch = [_largest_patch(min(truth.grid.shape))] * 3
        config: dict[str, Any] = {name: [] for name in LISTS} | {"patch_shape": patch} | NEW | held
        # What fits into one tomogram may be too large for the next.
        config["patch_shape"] = np.minimum(config["patch_shape"], patch).tolist()
        write_mrc(folder / f"{truth.name}_Vol.mrc", truth.tomogram)
        for name, mark, half in zip(LISTS, MARKS, truth.halves, strict=True):
            file = f"{truth.name}{mark}_Vol.mrc"
            write_mrc(folder / file, half)
            # At the end of both lists: the pairs stay pairs, in whatever order they are.
            config[name] = list(dict.fromkeys([*config[name], f"./{file}"]))
        (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")


def _largest_patch(smallest: int) -> int:
    """Return the edge of patches for tomograms whose shortest edge has so many voxels.

    cryoCARE wants more than two of them along every edge.
    """
    fitting = (smallest - 1) // 2 // _HALVED * _HALVED
    return min(max(fitting, _HALVED), _PATCH)
