"""Where a scene ends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Open:
    """No box: the paper's scene, held together by the pull towards its centre."""
