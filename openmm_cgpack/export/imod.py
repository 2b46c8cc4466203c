"""Tilt series for IMOD and SerialEM's readers."""

from __future__ import annotations

from pathlib import Path

from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..io.tilts import write_imod, write_tilt_stack
from .formats import Format
from .truth import GroundTruth


@kind("imod")
class Imod(Format):
    """The tilt series for IMOD: ``NAME.mrc``, ``.rawtlt``, ``.xf`` and ``.mrc.mdoc``."""

    needs_tilts = True
    names_runs = True

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the stack and its tables."""
        self.check(truth, tilts)
        assert tilts is not None
        write_tilt_stack(folder / f"{truth.name}.mrc", tilts)
        write_imod(folder / f"{truth.name}.mrc", tilts)
