"""Progress bars: seen where somebody looks, of what takes long, unless told not to."""

import importlib
import inspect
import io
import pkgutil
import re
import time
from contextlib import redirect_stderr

import pytest

import openmm_cgpack
from openmm_cgpack.core.progress import progress_bar, progress_shown, tracked
from openmm_cgpack.core.runtime import in_threads


class Terminal(io.StringIO):
    def isatty(self):
        return True


def long(**options):
    """Be at one item for a little more than the second after which bars are shown."""
    with progress_bar("packing", total=2, **options) as advance:
        time.sleep(1.1)
        advance(note="half of it")


def test_a_terminal_shows_what_takes_long_and_is_left_clean():
    with redirect_stderr(Terminal()) as terminal:
        long()
    shown = terminal.getvalue()
    assert "packing" in shown
    assert "half of it" in shown
    # In the end the line is blank, and what follows begins at its beginning.
    assert shown.rpartition("half of it]")[2].replace(" ", "") == "\r\r"


def test_a_bar_lives_while_one_item_takes_long():
    with redirect_stderr(Terminal()) as terminal, progress_bar("reading"):
        time.sleep(1.1)
        assert "reading: 00:01" in terminal.getvalue()


def test_what_is_quick_is_not_shown():
    with redirect_stderr(Terminal()) as terminal:
        assert list(tracked(range(50), "quick")) == list(range(50))
        assert in_threads(abs, [-1, 2], threads=2, name="quick", show=True) == [1, 2]
    assert terminal.getvalue() == ""


def test_who_is_told_not_to_is_told_for_all_inside():
    with redirect_stderr(Terminal()) as terminal:
        with progress_shown(False), progress_shown(True):
            long()
        long(show=False)
    assert terminal.getvalue() == ""


def test_a_pipe_shows_nothing(capsys):
    long()
    assert capsys.readouterr().err == ""


def test_an_interruption_passes_through():
    with (
        redirect_stderr(Terminal()),
        pytest.raises(KeyboardInterrupt),
        progress_bar("packing", total=2),
    ):
        raise KeyboardInterrupt


LONG = {
    *("simulate", "run", "resume", "simulate_series", "render_again", "dataset"),
    *("coarse_grain", "mesh_membrane", "fetch_structure"),
    *("place", "insert", "populate", "pack", "pack_scene", "crowding_series", "compress"),
    *("remove_clashes", "render_density", "render_labels", "visibility"),
    *("render", "acquire", "reconstruct", "audit", "atom_contacts", "occupancy"),
    *("match_picks", "score_picks", "score_labels", "picking_curve", "predict", "train_fcn"),
    *("export_run", "export_runs", "export_truth", "write_viewers", "view"),
}
"""Public functions that may take seconds or more, whatever they are given."""


def public_functions():
    """Return every function that a folder of the package exports, by name."""
    found = {}
    for module in [openmm_cgpack, *folders()]:
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)):
                found[name] = getattr(module, name)
    return found


def folders():
    for entry in pkgutil.iter_modules(openmm_cgpack.__path__):
        if entry.ispkg and entry.name not in ("cli", "recipes"):
            yield importlib.import_module(f"openmm_cgpack.{entry.name}")


def test_all_long_calls_take_progress_alike():
    functions = public_functions()
    assert {name for name in functions if "progress" in signature_of(functions[name])} == LONG
    for name in sorted(LONG):
        *_, last = signature_of(functions[name]).values()
        assert (last.name, last.default, last.kind) == ("progress", True, last.KEYWORD_ONLY), name
        assert "progress" in functions[name].__doc__, name


def signature_of(function):
    return inspect.signature(function).parameters


def test_who_shows_a_bar_can_be_told_not_to():
    """No public function hides one: where its own lines make a bar, they say whether to show it."""
    for name, function in public_functions().items():
        calls = re.findall(
            r"(?:progress_bar|tracked|progress_shown)\(.*", inspect.getsource(function)
        )
        assert not calls or name in LONG, f"{name}: {calls}"
