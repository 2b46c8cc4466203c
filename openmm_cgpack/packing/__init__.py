"""Placing, building the System, and driving it until it is packed."""
