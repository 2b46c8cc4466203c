"""Frozen force terms that build OpenMM forces."""
