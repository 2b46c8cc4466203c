"""Malformed and extreme inputs of every kind for every command, and what must never come of them.

``python -m fuzz --cases 3000`` in ``tests`` runs many and prints a table; ``--case 1234`` runs one
of them again, and shows what it was.
"""
