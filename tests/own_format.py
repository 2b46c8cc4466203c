"""A user's own export format: one file, outside the package."""

from openmm_cgpack.core.settings import kind, setting
from openmm_cgpack.export import Format


@kind("census")
class Census(Format):
    """How many objects of each species are in view, as text."""

    separator: str = setting("what stands between name and number", default=" ")

    def refuses(self, truth, tilts=None):
        """Refuse a world without objects."""
        return None if len(truth.particles) else "wanted particles, got none"

    def write(self, folder, truth, tilts=None):
        """Write one line a species."""
        lines = [f"{name}{self.separator}{len(truth.rows(name))}\n" for name in truth.species]
        (folder / f"{truth.name}.txt").write_text("".join(lines))
