"""``python -m openmm_cgpack`` is the command ``cgpack``."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
