"""Which of OpenMM's platforms to run on, and what a Simulation runs on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..core.settings import Settings, setting

if TYPE_CHECKING:
    import openmm
    import openmm.app

_EXTRAS = {"CUDA": "cuda13 (or cuda12)", "HIP": "hip7 (or hip6)"}
_BY_SPEED = ("CUDA", "HIP", "OpenCL", "CPU", "Reference")


class Run(Settings):
    """Where the dynamics runs; Reference, and CPU with one thread, repeat bit for bit."""

    platform: str | None = setting(
        "OpenMM platform; left out, the one that the environment variable "
        "OPENMM_DEFAULT_PLATFORM names, or the fastest that works here",
        default=None,
    )
    threads: int | None = setting("threads of the CPU platform", default=None, minimum=1)

    def meaningless(self) -> dict[str, str]:
        """Threads are the CPU platform's."""
        if self.platform is None or self.platform.lower() == "cpu":
            return {}
        return {"threads": f"on {self.platform}, only on CPU"}


def platform_names() -> list[str]:
    """Return the names of the platforms that OpenMM has here.

    Returns
    -------
    list of str

    Examples
    --------
    >>> "Reference" in platform_names()
    True
    """
    import openmm

    return [
        openmm.Platform.getPlatform(i).getName() for i in range(openmm.Platform.getNumPlatforms())
    ]


def choose_platform(run: Run = Run()) -> tuple[openmm.Platform, dict[str, str]]:
    """Return a platform and the properties for a Context on it.

    An OpenCL that only drives the processor is slower than the CPU platform and is passed over.

    Parameters
    ----------
    run : Run, optional
        Which platform, and how many threads.

    Returns
    -------
    platform : openmm.Platform
    properties : dict
        Mixed precision on a GPU, threads on the CPU.

    Raises
    ------
    ValueError
        There is no such platform; the message lists those present.

    Examples
    --------
    >>> platform, properties = choose_platform(Run(platform="cpu", threads=2))
    >>> platform.getName(), properties
    ('CPU', {'Threads': '2'})
    """
    import openmm

    present = platform_names()
    name = run.platform or os.environ.get("OPENMM_DEFAULT_PLATFORM") or _fastest(present)
    by_lower = {known.lower(): known for known in present}
    if name.lower() not in by_lower:
        extra = next((e for n, e in _EXTRAS.items() if n.lower() == name.lower()), None)
        hint = f"; it comes with the pip extra {extra} and the vendor's driver" if extra else ""
        raise ValueError(f"platform: {name!r} is not here, only {', '.join(present)}{hint}")
    name = by_lower[name.lower()]
    properties = {}
    if name in ("CUDA", "HIP", "OpenCL"):
        properties["Precision"] = "mixed"
    if name == "CPU" and run.threads is not None:
        properties["Threads"] = str(run.threads)
    return openmm.Platform.getPlatformByName(name), properties


def engine_of(simulation: openmm.app.Simulation) -> dict[str, Any]:
    """Return OpenMM's version, the platform and its properties; plain JSON types."""
    import openmm

    platform = simulation.context.getPlatform()
    return {
        "openmm": openmm.version.full_version,
        "platform": platform.getName(),
        "properties": {
            name: platform.getPropertyValue(simulation.context, name)
            for name in platform.getPropertyNames()
        },
    }


def _fastest(present: list[str]) -> str:
    for name in _BY_SPEED:
        if name in present and _works_fast(name):
            return name
    return "Reference"


def _works_fast(name: str) -> bool:
    """Whether a platform makes a Context, and on a device that is no processor."""
    import openmm

    if name in ("CPU", "Reference"):
        return True
    system = openmm.System()
    system.addParticle(1.0)
    platform = openmm.Platform.getPlatformByName(name)
    try:
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    except openmm.OpenMMException:
        return False
    device = platform.getPropertyValue(context, "DeviceName").lower()
    return not device.startswith(("pthread", "cpu"))
