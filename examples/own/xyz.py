"""An export format of one's own: the centres of all molecules as an XYZ file."""

from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.export import Format


@kind("xyz")
class Xyz(Format):
    """One line a molecule: its species and its centre in Å."""

    digits: int = setting("digits after the point", default=2, minimum=0, maximum=6)

    def write(self, folder, truth, tilts=None):
        """Write ``NAME.xyz``."""
        table = truth.particles
        lines = [str(len(table.instance)), truth.name]
        for species, centre in zip(table.species.tolist(), table.centre * 10, strict=True):
            lines.append(" ".join([species, *(f"{x:.{self.digits}f}" for x in centre.tolist())]))
        path = folder / f"{truth.name}.xyz"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
