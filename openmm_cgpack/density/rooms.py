"""The room that a rigid body takes in what it is joined with, as a protein does in a membrane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import ndimage

from ..core.boundary import Boundary
from ..core.model import BallModel
from ..core.transforms import RigidTransforms, shortest_rotations

CLEARANCE = 0.35
"""How far heavy atoms of lipid stay from those of a protein, nm: two van der Waals radii of C."""

SPACING = 0.1
"""Edge of the voxels of a room, nm; of very large bodies it is more."""

MOST_VOXELS = 50_000_000

DEEPEST = 8.0
"""How far from the middle of its membrane a body may meet lipid, nm."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """What lies within `CLEARANCE` of a body's atoms, and the pores that it encloses.

    A pore is what is enclosed in a plane along the membrane that the structure marks: it opens
    above and below, where water is, and lipid reaches it from neither side.
    """

    inside: np.ndarray
    """(x, y, z) bool, z along the normal of the membrane."""
    low: np.ndarray
    """(3,) the centre of the first voxel, nm."""
    turn: np.ndarray
    """(3, 3) the rotation from the body frame to that of the voxels."""
    spacing: float

    @classmethod
    def of(cls, model: BallModel) -> Self:
        """Return the room of a rigid model: of its structure's points, else of its balls.

        A structure that marks no membrane has no pores, but the holes in it are its own.
        """
        plane = None
        if model.structure is not None:
            plane = model.structure.membrane_plane
            points, radii = model.structure.positions, CLEARANCE + model.structure.spread
        else:
            points, radii = model.positions, model.radii
        normal = np.array([0.0, 0, 1]) if plane is None else plane.normal
        (turn,) = shortest_rotations(normal[None], np.array([[0.0, 0, 1]]))
        points = points @ turn.T
        if plane is not None:
            deep = np.abs(points[:, 2] - turn[2] @ plane.centre) < DEEPEST
            if deep.any():
                points, radii = points[deep], radii[deep]
        edges = np.ptp(points, axis=0) + 2 * radii.max()
        spacing = max(SPACING, float(np.cbrt(edges.prod() / MOST_VOXELS)))
        reach = radii.max() + 2 * spacing
        low = points.min(axis=0) - reach
        inside = np.zeros(np.ceil((points.max(axis=0) + reach - low) / spacing).astype(int), bool)
        strides = np.array(inside.strides)
        home = np.rint((points - low) / spacing).astype(np.int64) @ strides
        classes = np.ceil(radii / spacing).astype(int)
        flat = inside.reshape(-1)
        for size in np.unique(classes).tolist():
            line = np.arange(-size, size + 1)
            steps = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
            largest = radii[classes == size].max() / spacing
            steps = steps[np.einsum("si,si->s", steps, steps) <= largest**2]
            for step in (steps @ strides).tolist():
                flat[home[classes == size] + step] = True
        if plane is None:
            inside = ndimage.binary_fill_holes(inside)
        else:
            for z in range(inside.shape[2]):
                inside[:, :, z] = ndimage.binary_fill_holes(inside[:, :, z])
        return cls(inside=inside, low=low, turn=turn, spacing=spacing)

    def holds(self, points: np.ndarray, pose: RigidTransforms, boundary: Boundary) -> np.ndarray:
        """Return which of the points (p, 3) in a scene are in the room of a body at one pose."""
        held = np.zeros(len(points), bool)
        # The box of all voxels lies in a ball about its middle: few points are as near.
        half = self.spacing * (np.array(self.inside.shape) - 1) / 2
        (middle,) = pose.apply((self.low + half)[None] @ self.turn)[0]
        near, reach = np.arange(len(points)), float(np.linalg.norm(half)) + self.spacing
        for axis in range(3):
            along = points[near, axis] - middle[axis]
            edge = boundary.repeat[axis]
            if edge:
                along -= edge * np.rint(along / edge)
            near = near[np.abs(along) <= reach]
        offset = boundary.minimum_image(points[near] - middle)
        places = offset @ (self.turn @ pose.rotations[0].T).T
        index = np.rint((places + half) / self.spacing).astype(np.int64)
        within = ((index >= 0) & (index < self.inside.shape)).all(axis=1)
        held[near[within]] = self.inside[tuple(index[within].T)]
        return held
