"""From a recipe's entries to ball models and force terms."""

from __future__ import annotations

import dataclasses

from ..core import AtomicStructure, BallModel
from ..core.seeds import stage_seed
from ..forces import ForceTerm, paper_forces
from ..models import coarse_grain, filament, membrane, single_ball
from ..structures import fetch_structure, library, load_structure
from .sections import Molecule, Recipe


def read_structure(molecule: Molecule, recipe: Recipe) -> AtomicStructure:
    """Return the structure of an entry, with the entry's name.

    Parameters
    ----------
    molecule : Molecule
        The entry.
    recipe : Recipe
        The recipe that holds it; its folder is where a relative path starts.

    Returns
    -------
    AtomicStructure
    """
    if molecule.species is not None:
        return dataclasses.replace(library.load(molecule.species), name=molecule.label)
    if molecule.pdb is not None:
        structure = load_structure(
            recipe.folder / molecule.pdb,
            assembly=molecule.assembly,
            waters=molecule.waters,
            hydrogens=molecule.hydrogens,
            hetero=molecule.hetero,
            name=molecule.label,
        )
        # Only the file's name: where it lies differs from machine to machine.
        return dataclasses.replace(structure, source=molecule.pdb)
    structure = fetch_structure(
        str(molecule.id),
        assembly=molecule.assembly,
        waters=molecule.waters,
        hydrogens=molecule.hydrogens,
        hetero=molecule.hetero,
    )
    return dataclasses.replace(structure, name=molecule.label)


def build_models(recipe: Recipe, *, index: int = 0) -> list[tuple[BallModel, int]]:
    """Return the models of a recipe and how many instances of each.

    Parameters
    ----------
    recipe : Recipe
        The recipe.
    index : int, optional
        Number of the scene, for the seed of the clustering.

    Returns
    -------
    list of (BallModel, int)
        Molecules, filaments, membranes, in the recipe's order.
    """
    bond_k, ball_mass = recipe.forces.bond_k, recipe.forces.ball_mass
    counts: list[tuple[BallModel, int]] = []
    seeds = stage_seed(recipe.seed, "models", index).spawn(len(recipe.molecule))
    for molecule, seed in zip(recipe.molecule, seeds, strict=True):
        structure = read_structure(molecule, recipe)
        if molecule.model == "single":
            model = single_ball(structure, ball_mass=ball_mass)
        else:
            model = coarse_grain(
                structure,
                atoms_per_ball=molecule.atoms_per_ball,
                radius=molecule.radius,
                seed=seed,
                bond_k=bond_k,
                ball_mass=ball_mass,
            )
        counts.append((model, molecule.count))
    for thread in recipe.filament:
        model = filament(
            n_balls=thread.n_balls,
            radius=thread.radius,
            name=thread.name,
            angle_k=thread.angle_k,
            persistence_length=thread.persistence_length,
            temperature=recipe.pack.temperature,
            density=thread.density,
            bond_k=bond_k,
            ball_mass=ball_mass,
        )
        counts.append((model, thread.count))
    for sheet in recipe.membrane:
        model = membrane(
            shape=sheet.shape,
            radius=sheet.radius,
            name=sheet.name,
            angle_k=sheet.angle_k,
            thickness=sheet.thickness,
            density=sheet.density,
            bond_k=bond_k,
            ball_mass=ball_mass,
        )
        counts.append((model, sheet.count))
    return counts


def build_forces(recipe: Recipe) -> tuple[ForceTerm, ...]:
    """Return the force terms of a recipe."""
    forces = recipe.forces
    return paper_forces(
        epsilon=forces.epsilon,
        pull_k=forces.pull_k,
        pull_radius=forces.pull_radius,
        switch=forces.switch,
        cutoff=forces.cutoff,
        lennard_jones=forces.lennard_jones,
    )
