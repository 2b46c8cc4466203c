"""The command ``cgpack score``."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.names import plain_name
from ..core.tables import to_table
from ..core.volume import Grid
from ..evaluation import MatchingRule, PaperRule
from ..io.files import refuse_inputs, write_text
from ..io.inputs import read_json
from ..io.volumes import mask_file, read_grid, read_labels
from ..runs.folder import INSTANCES, MANIFEST, SEMANTIC, RunFolder
from .console import say
from .options import add_settings, from_options

if TYPE_CHECKING:
    import numpy as np

    from ..evaluation import PickScores, SegmentationScores


_MARK = "openmm_cgpack_sha256"
"""Key of the scores' digest: what has it, and agrees, is ours to replace."""


def add(commands: Any) -> None:
    """Add the command to the parser's."""
    score = commands.add_parser(
        "score",
        examples=("cgpack score picks mine.star out", "cgpack score labels predicted.mrc out"),
        help="compare picks or labels with the truth",
    )
    kinds = score.add_subparsers(title="what to compare", metavar="WHAT", required=True)

    picks = kinds.add_parser(
        "picks",
        examples=(
            "cgpack score picks mine.star out",
            "cgpack score picks mine.star out --rule czii --reach 0.6 --without membrane",
        ),
        help="positions of particles",
    )
    picks.add_argument("picks", metavar="PICKS", help="a CSV, a STAR, copick picks or their folder")
    picks.add_argument(
        "truth", metavar="TRUTH", help="a run's folder, its particles.csv, or copick picks"
    )
    picks.add_argument("--labels", metavar="MRC", help="instance masks; by default the run's")
    add_settings(picks, MatchingRule, kind_option="--rule", default=PaperRule())
    picks.add_argument(
        "--tomogram", metavar="MRC", help="whose grid centred coordinates need; else the run's"
    )
    picks.add_argument(
        "--tomogram-name",
        metavar="NAME",
        help="whose picks of a list of several tomograms; else those under the run's name",
    )
    picks.add_argument(
        "--without", action="append", default=[], metavar="SPECIES", help="leave these out"
    )
    picks.add_argument("--best", type=int, metavar="N", help="only the N picks of highest score")
    picks.set_defaults(action=_score_picks)

    labels = kinds.add_parser(
        "labels",
        examples=("cgpack score labels predicted.mrc out --json scores.json",),
        help="segmentations",
    )
    labels.add_argument("labels", metavar="LABELS", help="predicted classes: MRC or OME-Zarr")
    labels.add_argument("truth", metavar="TRUTH", help="true classes, or a run's folder")
    labels.add_argument("--names", metavar="A,B,...", help="names of the classes from 1 on")
    labels.set_defaults(action=_score_labels)
    for parser in (picks, labels):
        parser.add_argument("--json", metavar="FILE", help="write the scores there too")
        parser.add_argument("--force", action="store_true", help="replace FILE where it exists")


def _score_picks(options: argparse.Namespace) -> None:
    from ..evaluation import match_picks, select_particles, weighted_f
    from ..io import read_picks, read_truth

    _check_json(options, options.picks, options.tomogram, options.labels)
    run = _run_of(options.truth)
    whole = run is not None and Path(options.truth).is_dir()
    one: dict[str, Any] = {"tomogram": options.tomogram_name, "own_names": _names_of(run)}
    particles = run.particles() if run and whole else read_truth(options.truth, **one)
    truth = select_particles(particles, without=options.without)
    grid = None if run is None else run.grid
    if options.tomogram is not None:
        grid = read_grid(options.tomogram)
        size = _voxel_size(run, options.tomogram, grid)
        grid = dataclasses.replace(grid, voxel_size=size)
    picks = read_picks(options.picks, grid=grid, **one)
    if options.best is not None:
        if options.best < 0:
            raise ValueError(f"--best: wanted a number >= 0, got {options.best}")
        picks = picks.best(options.best)
    rule = from_options(MatchingRule, options)
    if options.labels is not None and not rule.by_labels:
        raise ValueError(f"--labels: means nothing for the rule {rule.kind!r}")
    masks = None
    if rule.by_labels:
        if options.labels is None and run is None:
            raise ValueError("--labels: wanted instance masks")
        path = options.labels or mask_file(run.path, INSTANCES)  # type: ignore[union-attr]
        masks = read_labels(path)
        masks = dataclasses.replace(masks, voxel_size=_voxel_size(run, path, masks.grid))
    scores = match_picks(picks, truth, rule, labels=masks)
    say(scores.table())
    say(
        f"rule {rule.kind}: {scores.tp + scores.fp} picks of {scores.tp + scores.fn} particles; "
        f"{scores.multi_hits} particles within reach of several picks, {scores.empty} picks of "
        f"nothing, {scores.outside} outside; mean distance {scores.mean_distance:.2f} nm"
    )
    if rule.by_species:
        say(f"mean over species of F({rule.beta:g}): {weighted_f(scores.species):.4f}")
    _write_json(options.json, _picks_record(scores))


def _score_labels(options: argparse.Namespace) -> None:
    from ..evaluation import score_labels

    _check_json(options, options.labels)
    names = None if options.names is None else options.names.split(",")
    path = Path(options.truth)
    if (path / MANIFEST).exists():
        run = RunFolder(path)
        path = run.file(f"{SEMANTIC}.mrc")
        names = run.species if names is None else names
    true = read_labels(path)
    predicted = read_labels(options.labels, shape=true.data.shape)
    scores = score_labels(predicted, true, names=names)
    say(scores.table())
    _write_json(options.json, _labels_record(scores))


def _run_of(truth: str) -> RunFolder | None:
    """Return the run whose folder, or a file in it, the truth is; None where it is no run's."""
    folder = Path(truth) if Path(truth).is_dir() else Path(truth).parent
    return RunFolder(folder) if (folder / MANIFEST).exists() else None


def _names_of(run: RunFolder | None) -> tuple[str, ...]:
    """Return the names that a run's tomogram goes by in lists: its folder's, and as exported."""
    name = "" if run is None else run.path.resolve().name
    exported = any(character.isalnum() for character in name)
    return (name, plain_name(name)) if exported else ()


def _voxel_size(run: RunFolder | None, path: str | Path, held: Grid) -> float:
    """Return the voxel size of a volume: the run's where it has the run's shape."""
    grid = None if run is None else run.grid
    if run is None or grid is None or held.shape != grid.shape:
        return held.voxel_size
    if abs(held.voxel_size - grid.voxel_size) > 1e-3 * grid.voxel_size:
        warnings.warn(
            f"{path}: voxels of {held.voxel_size:g} nm, and the shape of {run.path}: the run's "
            f"{grid.voxel_size:g} nm are taken",
            stacklevel=2,
        )
    return grid.voxel_size


def _picks_record(scores: PickScores) -> dict[str, Any]:
    return {
        "rule": to_table(scores.rule),
        **{key: getattr(scores, key) for key in ("tp", "fp", "fn", "precision", "recall", "f")},
        "miss_rate": scores.miss_rate,
        "mean_distance_nm": scores.mean_distance,
        "multi_hits": scores.multi_hits,
        "empty": scores.empty,
        "outside": scores.outside,
        "species": [
            {key: getattr(s, key) for key in ("name", "tp", "fp", "fn", "precision", "recall", "f")}
            for s in scores.species
        ],
        "confusion": scores.confusion.tolist(),
        "confusion_names": list(scores.confusion_names),
    }


def _labels_record(scores: SegmentationScores) -> dict[str, Any]:
    def listed(values: np.ndarray) -> list[float]:
        return [float(v) for v in values]

    return {
        "pixel_accuracy": scores.pixel_accuracy,
        "background_share": scores.background_share,
        "foreground_accuracy": scores.foreground_accuracy,
        "mean_iou": scores.mean_iou,
        "mean_dice": scores.mean_dice,
        "names": list(scores.names),
        "iou": listed(scores.iou),
        "dice": listed(scores.dice),
        "confusion": scores.confusion.tolist(),
    }


def _check_json(options: argparse.Namespace, *inputs: str | None) -> None:
    """Say that a file is not to be written before anything is worked out for it.

    None of the inputs is, and no file that a run wrote into its folder.
    """
    if options.json is None:
        return
    path = Path(options.json)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"--json {path}: there is no folder {path.absolute().parent}")
    run = _run_of(options.truth)
    of_run = [] if run is None else [run.path / name for name in run.manifest.get("files", {})]
    refuse_inputs(path, [options.truth, *of_run, *filter(None, inputs)])
    if os.path.lexists(path) and not (options.force or _is_ours(path)):
        raise FileExistsError(
            f"--json {path}: exists, and is not as a score wrote it; give another file, or --force "
            "to replace it"
        )


def _write_json(path: str | None, record: dict[str, Any]) -> None:
    if path is None:
        return
    record = _without_nan(record)
    record[_MARK] = _digest(record)
    write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def _is_ours(path: Path) -> bool:
    """Return whether a file holds scores as they were written, and nobody has changed them."""
    if path.is_symlink():
        return False
    try:
        held = read_json(path, wanted="scores")
    except (OSError, ValueError):
        return False
    return held.pop(_MARK, None) == _digest(held)


def _digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _without_nan(value: Any) -> Any:
    """Return a record with null in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_without_nan(held) for held in value]
    return None if isinstance(value, float) and math.isnan(value) else value
