"""The tables and the figure of what crowding in the training data is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from openmm_cgpack import evaluation as ev
from openmm_cgpack.core.palette import BLUE, GREEN, GREY, INK, ORANGE, RED
from openmm_cgpack.draw.style import blank_figure, dress_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = (BLUE, ORANGE, RED, GREEN)
NAMES = ("20S proteasome", "GroEL", "RuBisCO", "ATCase")

Score = Callable[[dict], float]
"""A number of a model's scores at one fraction and crowd."""


def f_of(name: str) -> Score:
    """Return what gives F of counts of a name."""
    return lambda test: ev.f_score(*test[name])


def mean_dice(test: dict) -> float:
    """Return the mean Dice of the four classes."""
    return float(np.mean(test["dice"]))


class Results:
    """The results as curves over the test fraction, with the spread over seeds."""

    def __init__(self, held: dict) -> None:
        self.held, self.models = held, held["models"]
        self.fractions = [float(name) for name in held["reached"]]
        self.n = held["n"]
        compared = [m for m in self.models if (m["n"], m["times"]) == (self.n, 1)]
        self.of = {
            train: [model for model in compared if model["train"] == train]
            for train in dict.fromkeys(model["train"] for model in compared)
        }
        self.curves = {
            times: self._curve(times) for times in sorted({model["times"] for model in self.models})
        }

    def _curve(self, times: int) -> dict[int, list[dict]]:
        """Return the models of mixed data that were trained so long, by how many tomograms."""
        mixed = [m for m in self.models if (m["train"], m["times"]) == ("mixed", times)]
        return {n: [m for m in mixed if m["n"] == n] for n in sorted({m["n"] for m in mixed})}

    @staticmethod
    def values(models: list[dict], crowd: str, fraction: float, score: Score) -> list[float]:
        """Return a score of each seed's model."""
        return [
            score(test)
            for model in models
            for test in model["tests"]
            if (test["crowd"], test["fraction"]) == (crowd, fraction)
        ]

    def over_fractions(self, train: str, crowd: str, score: Score) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations over the seeds, by test fraction."""
        held = [self.values(self.of[train], crowd, f, score) for f in self.fractions]
        return np.array([np.mean(v) for v in held]), np.array([spread(v) for v in held])

    def over_n(self, times: int, crowd: str, score: Score) -> tuple[np.ndarray, np.ndarray]:
        """Return the same of the mean over all test fractions, by the number of tomograms."""
        means, spreads = [], []
        for models in self.curves[times].values():
            seeds = np.mean([self.values(models, crowd, f, score) for f in self.fractions], axis=0)
            means.append(seeds.mean())
            spreads.append(spread(seeds))
        return np.array(means), np.array(spreads)

    def dog(self, crowd: str, name: str) -> np.ndarray:
        """Return F of DoG by test fraction, of the best width in each; of "random", as it is."""
        best = []
        for fraction in self.fractions:
            (entry,) = (
                e for e in self.held["dog"] if (e["crowd"], e["fraction"]) == (crowd, fraction)
            )
            best.append(max(ev.f_score(*entry[key]) for key in entry if key.startswith(name)))
        return np.array(best)


def spread(values: list[float] | np.ndarray) -> float:
    """Return the standard deviation of a sample; a single value has none, which is NaN."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def tables(held: dict) -> str:
    """Return all tables as Markdown."""
    results = Results(held)
    head = ["trained at", *(f"tested at {fraction:.2f}" for fraction in results.fractions)]

    def over_fractions(score: Score, crowd: str) -> list[list[str]]:
        return [
            [train, *_texts(*results.over_fractions(train, crowd, score))] for train in results.of
        ]

    parts = []
    for title, score in (("F, with the right species", f_of("species")), ("Dice", mean_dice)):
        for crowd in ("known", "new"):
            rows = over_fractions(score, crowd)
            parts.append(f"**{title}**, {crowd} neighbours\n\n{_markdown(head, rows)}")
    rows = []
    for crowd in ("known", "new"):
        for train in results.of:
            score = results.over_fractions(train, crowd, f_of("any"))
            rows.append([f"network of {train}, {crowd}", *_texts(*score)])
        for name, words in (("targets", "DoG, best width"), ("random", "at random")):
            f = results.dog(crowd, name)
            rows.append([f"{words}, {crowd}", *(f"{value:.2f}" for value in f)])
    for crowd in ("known", "new"):
        f = results.dog(crowd, "all_")
        words = f"DoG, of all molecules, {crowd}"
        rows.append([words, *(f"{value:.2f}" for value in f)])
    parts.append(f"**F, whatever the species**\n\n{_markdown(['', *head[1:]], rows)}")
    rows = []
    for train in results.of:
        for number, name in enumerate(NAMES):
            score = results.over_fractions(
                train, "known", lambda test, number=number: test["dice"][number]
            )
            rows.append([train, name, *_texts(*score)])
    head = ["trained at", "class", *head[1:]]
    parts.append(f"**Dice by class**, known neighbours\n\n{_markdown(head, rows)}")
    for times, curve in results.curves.items():
        rows = []
        for title, score in (("F", f_of("species")), ("Dice", mean_dice)):
            for crowd in ("known", "new"):
                rows.append([f"{title}, {crowd}", *_texts(*results.over_n(times, crowd, score))])
        seeds = len({model["seed"] for models in curve.values() for model in models})
        parts.append(
            f"**How many tomograms**, mixed, {times * held['steps']} steps, {seeds} "
            f"{'seeds' if seeds > 1 else 'seed'}, mean of all tests\n\n"
            + _markdown(["trained on tomograms:", *map(str, curve)], rows)
        )
    seeds = len({model["seed"] for model in results.models})
    parts.append(
        f"Mean and standard deviation of {seeds} seeds, each with other tomograms of the pool; "
        f"{results.n} tomograms each where nothing else is said. "
        "Made by `benchmarks/crowding_value.py`."
    )
    return "\n\n".join(parts) + "\n"


def _texts(means: np.ndarray, spreads: np.ndarray) -> list[str]:
    return [
        f"{m:.2f}" if np.isnan(s) else f"{m:.2f} ± {s:.2f}"
        for m, s in zip(means, spreads, strict=True)
    ]


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def figure_of(held: dict) -> Figure:
    """Return Dice and F over the test fraction, and F over the number of tomograms."""
    results = Results(held)
    figure = blank_figure((11.0, 3.6))
    figure.set_layout_engine("tight")
    panels = figure.subplots(1, 3)
    lines = list(zip(results.of, COLOURS, strict=False))
    for panel, score in zip(panels, (mean_dice, f_of("species")), strict=False):
        for train, colour in lines:
            for crowd in ("known", "new"):
                scores = results.over_fractions(train, crowd, score)
                label = f"trained {_at(train)}" if crowd == "known" else None
                _line(panel, results.fractions, *scores, crowd=crowd, color=colour, label=label)
    panels[1].plot(
        results.fractions, results.dog("known", "targets"), color=INK, label="DoG, any species"
    )
    panels[1].plot(results.fractions, results.dog("new", "targets"), color=INK, linestyle="--")
    random = results.dog("known", "random")
    panels[1].plot(results.fractions, random, color=GREY, linestyle=":", label="at random")
    for (times, curve), colour in zip(results.curves.items(), (GREY, GREEN), strict=False):
        for crowd in ("known", "new"):
            scores = results.over_n(times, crowd, f_of("species"))
            label = f"{times * held['steps']} steps" if crowd == "known" else None
            _line(panels[2], list(curve), *scores, crowd=crowd, color=colour, label=label)
    panels[2].set_xscale("log")
    panels[2].set_xticks(list(curve), [str(n) for n in curve])
    panels[2].minorticks_off()
    names = ("mean Dice of the four classes", "F, right species", "F, right species")
    across = ("fraction of the test", "fraction of the test", "tomograms to train on, mixed")
    for panel, up, x in zip(panels, names, across, strict=True):
        dress_axes(panel, across=x, up=up)
        panel.set_ylim(0, 0.8)
    panels[0].legend(frameon=False, fontsize=7.5, loc="upper right")
    panels[1].legend(
        *[list(part)[len(lines) :] for part in _entries(panels[1])],
        frameon=False,
        fontsize=7.5,
        loc="upper right",
    )
    panels[2].legend(frameon=False, fontsize=7.5, loc="lower right")
    return figure


def _line(panel, x, mean, error, *, crowd: str, color: str, label: str | None) -> None:
    """Draw means with their errors, whole among known neighbours and dashed among new ones."""
    panel.errorbar(
        x,
        mean,
        error,
        color=color,
        linestyle="-" if crowd == "known" else "--",
        marker="o" if crowd == "known" else "s",
        markersize=3.5,
        capsize=2,
        linewidth=1.3,
        label=label,
    )


def _at(train: str) -> str:
    """Return at which fractions a network was trained, as words."""
    return "at all three" if train == "mixed" else f"at {train}"


def _entries(panel) -> tuple[list, list]:
    """Return a legend's handles and words, lines without error bars last."""
    pairs = sorted(
        zip(*panel.get_legend_handles_labels(), strict=True),
        key=lambda pair: not pair[1].startswith("trained"),
    )
    handles, words = zip(*pairs, strict=True)
    return list(handles), list(words)
