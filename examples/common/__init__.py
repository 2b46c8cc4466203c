"""What the examples share: settings, the paper's molecules, packings, measures, the report."""

from .charts import charts
from .paper_types import PAPER_TYPES, paper_types, replacements, structures_of
from .runs import PackingRun, place_in
from .section import Section, judge
from .settings import Settings, current_settings

__all__ = [
    "PAPER_TYPES",
    "PackingRun",
    "Section",
    "Settings",
    "charts",
    "current_settings",
    "judge",
    "paper_types",
    "place_in",
    "replacements",
    "structures_of",
]
