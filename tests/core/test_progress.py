"""Progress bars: seen where somebody looks, of what takes long, unless told not to."""

import io
import time
from contextlib import redirect_stderr

import pytest

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
