"""Packed scenes to density maps and labels."""
