"""Density to tomogram."""
