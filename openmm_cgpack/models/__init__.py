"""Anything to ball models."""
