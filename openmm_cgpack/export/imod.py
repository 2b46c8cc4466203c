"""Tilt series for IMOD and SerialEM's readers."""

from __future__ import annotations

from pathlib import Path

from ..core.settings import kind
from ..core.tilts import TiltSeries
from ..io import write_mrc
from ..io.tilts import write_imod, write_tilt_stack
from .formats import Format
from .truth import GroundTruth


@kind("imod")
class Imod(Format):
    """The tilt series for IMOD: ``NAME.mrc``, ``.rawtlt``, ``.xf`` and ``.mrc.mdoc``.

    Beside them is the tomogram under etomo's name, ``NAME_rec.mrc``, as trimvol leaves it (x, y,
    z), and, where a run has halves that share no noise, ``NAME_even_rec.mrc`` and
    ``NAME_odd_rec.mrc``.
    """

    needs_tilts = True
    names_runs = True

    def write(self, folder: Path, truth: GroundTruth, tilts: TiltSeries | None = None) -> None:
        """Write the stack and its tables, the tomogram and its halves."""
        self.check(truth, tilts)
        assert tilts is not None
        write_tilt_stack(folder / f"{truth.name}.mrc", tilts)
        write_imod(folder / f"{truth.name}.mrc", tilts)
        volumes = {} if truth.tomogram is None else {"": truth.tomogram}
        volumes |= zip(("_even", "_odd"), truth.halves or (), strict=False)
        for mark, volume in volumes.items():
            write_mrc(folder / f"{truth.name}{mark}_rec.mrc", volume)
