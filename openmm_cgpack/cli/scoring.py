"""The command ``cgpack score``."""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.tables import to_table
from ..datasets.plan import SPLITS
from ..evaluation import MatchingRule, PaperRule
from ..io.files import refuse_inputs, write_text
from ..io.inputs import read_json
from ..io.volumes import read_labels
from ..runs.folder import MANIFEST, SEMANTIC, RunFolder
from .console import say
from .options import add_settings, from_options, in_words_of

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
            "cgpack score picks mine.csv crowded --split test",
        ),
        help="positions of particles",
        description="Compare picks with the truth; of several tomograms the counts are added up.",
    )
    picks.add_argument(
        "picks",
        metavar="PICKS",
        help="a CSV, a STAR or copick picks, of one tomogram or more, or a folder: an export's "
        "(copick, relion5, kaggle), a copick project, or one of lists",
    )
    picks.add_argument(
        "truth",
        metavar="TRUTH",
        nargs="+",
        help="a run's folder, its particles.csv, a data set's folder, copick picks or a project; "
        "several are scored as one",
    )
    picks.add_argument("--split", choices=SPLITS, help="of a data set: the scenes of this split")
    picks.add_argument("--labels", metavar="MRC", help="instance masks; by default the run's")
    add_settings(picks, MatchingRule, kind_option="--rule", default=PaperRule())
    picks.add_argument(
        "--tomogram", metavar="MRC", help="whose size centred coordinates need; else the run's"
    )
    picks.add_argument(
        "--tomogram-name",
        metavar="NAME",
        help="whose picks of a list of several tomograms; else those under the run's name",
    )
    picks.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="SPECIES",
        help="leave out particles of these, and picks that name them",
    )
    picks.add_argument(
        "--best", type=int, metavar="N", help="only the N picks of highest score of each tomogram"
    )
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


_OPTIONS = {"tomogram": "--tomogram-name", "grid": "--tomogram"} | {
    name: f"--{name}" for name in ("split", "best", "labels", "without")
}
"""What the command calls arguments of `score_picks`, and of what that calls."""


def _score_picks(options: argparse.Namespace) -> None:
    from ..datasets import score_picks
    from ..evaluation import weighted_f

    _check_json(options, options.truth, options.picks, options.tomogram, options.labels)
    rule = from_options(MatchingRule, options)
    with in_words_of(_OPTIONS):
        scores = score_picks(
            options.picks,
            options.truth,
            rule,
            split=options.split,
            without=options.without,
            best=options.best,
            tomogram=options.tomogram_name,
            grid=options.tomogram,
            labels=options.labels,
        )
    say(scores.table())
    apart = f"; mean distance {scores.mean_distance:.2f} nm" if scores.tp else ""
    say(
        f"rule {rule.kind}: {scores.tp + scores.fp} picks of {scores.tp + scores.fn} particles; "
        f"{scores.multi_hits} particles within reach of several picks, {scores.empty} picks of "
        f"nothing, {scores.outside} outside{apart}"
    )
    if rule.by_species:
        say(f"mean over species of F({rule.beta:g}): {weighted_f(scores.species):.4f}")
    _write_json(options.json, _picks_record(scores))


def _score_labels(options: argparse.Namespace) -> None:
    from ..evaluation import score_labels

    _check_json(options, [options.truth], options.labels)
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


def _check_json(options: argparse.Namespace, truths: list[str], *inputs: str | None) -> None:
    """Say that a file is not to be written before anything is worked out for it.

    None of the inputs is, and no file that a run wrote into its folder.
    """
    if options.json is None:
        return
    path = Path(options.json)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"--json {path}: there is no folder {path.absolute().parent}")
    runs = [run for run in map(_run_of, truths) if run is not None]
    of_runs = [run.path / name for run in runs for name in run.manifest.get("files", {})]
    refuse_inputs(path, [*truths, *of_runs, *filter(None, inputs)])
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
