"""Semantic segmentation by a 3D fully convolutional network; torch is imported on use."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.arrays import positive
from ..core.volume import LabelVolume, Volume
from ..io.atomic import atomic_path

if TYPE_CHECKING:
    import torch

FORMAT = 1
"""Version of the files of models."""

TILE = 96
"""Default edge of the part of a tile that is kept, voxels."""


@dataclass(frozen=True, kw_only=True)
class FcnSettings:
    """The size of a network and how it is trained.

    Parameters
    ----------
    width : int, optional
        Features at full resolution; twice as many after each pooling.
    depth : int, optional
        Number of poolings.
    convolutions : int, optional
        Convolutions at each resolution, on the way down and on the way up.
    patch : int, optional
        Edge of the cubes it is trained on, voxels; a multiple of ``2**depth``.
    batch : int, optional
        Cubes a step.
    steps : int, optional
        Steps an epoch.
    max_epochs : int, optional
        Most epochs.
    patience : int, optional
        Epochs without a lower loss that end the training; a third of them halves the rate.
    learning_rate : float, optional
        Of the Adam optimiser, at the start.
    focus : float, optional
        Share of the cubes that are put around a voxel of a class other than background, all
        classes alike; the others are put anywhere.
    balance : float, optional
        Classes weigh in the loss as their frequency to the power of minus this: 0 leaves voxels
        alike, 1 makes classes alike.
    """

    width: int = 12
    depth: int = 2
    convolutions: int = 1
    patch: int = 32
    batch: int = 4
    steps: int = 24
    max_epochs: int = 60
    patience: int = 12
    learning_rate: float = 4e-3
    focus: float = 0.7
    balance: float = 0.5

    def __post_init__(self) -> None:
        for name in ("width", "convolutions", "patch", "batch", "steps", "max_epochs", "patience"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name}: wanted a positive whole number, got {value!r}")
        if not isinstance(self.depth, int) or self.depth < 0:
            raise ValueError(f"depth: wanted a whole number >= 0, got {self.depth!r}")
        if self.patch % self.stride:
            raise ValueError(f"patch: wanted a multiple of {self.stride}, got {self.patch}")
        positive(self.learning_rate, "learning_rate")
        positive(self.balance, "balance", zero=True)
        if not 0 <= self.focus <= 1:
            raise ValueError(f"focus: wanted a number from 0 to 1, got {self.focus:g}")

    @property
    def stride(self) -> int:
        """Voxels along the edge of one cell at the coarsest resolution."""
        return 2**self.depth

    @property
    def halo(self) -> int:
        """How many voxels away from a voxel its class can depend on, up to a whole `stride`."""
        # Convolutions reach one cell of their level, once down and once up but at the bottom;
        # cells are aligned to the grid, which adds less than one of the coarsest.
        cells = 2 * (self.stride - 1) + self.stride
        reach = self.convolutions * cells + self.stride - 1
        return -(-reach // self.stride) * self.stride


SMALL = FcnSettings()
"""Trains in minutes on two CPU cores."""

LARGE = FcnSettings(
    width=32,
    depth=3,
    convolutions=2,
    patch=64,
    batch=8,
    steps=200,
    max_epochs=150,
    patience=24,
    learning_rate=1e-3,
)
"""For a GPU of 16 GB or more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FcnModel:
    """A network with all that is needed to use it.

    It is a callable like any other that `score_labels` takes: a tomogram's data in, labels out.

    Parameters
    ----------
    network : torch.nn.Module
        The network.
    settings : FcnSettings
        Its size.
    names : tuple of str
        Names of the classes from 1 on.
    """

    network: torch.nn.Module
    settings: FcnSettings
    names: tuple[str, ...]

    def __call__(self, data: np.ndarray) -> np.ndarray:
        """Return labels, (z, y, x) uint16, for a tomogram's data of the same shape."""
        return predict(self, Volume(data=data, voxel_size=1.0, origin=np.zeros(3))).data


def new_model(names: tuple[str, ...], *, settings: FcnSettings = SMALL, seed: int) -> FcnModel:
    """Return a model that has learnt nothing.

    Parameters
    ----------
    names : tuple of str
        Names of the classes from 1 on.
    settings : FcnSettings, optional
        Its size.
    seed : int
        Seed of its weights.

    Returns
    -------
    FcnModel

    Raises
    ------
    ImportError
        torch is not installed.
    """
    torch = require_torch()
    from .network import EncoderDecoder

    # torch draws weights from its global generator: it gets back the state it had.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = EncoderDecoder(
            n_classes=len(names) + 1,
            width=settings.width,
            depth=settings.depth,
            convolutions=settings.convolutions,
        )
    # Features of one voxel beside each other: 1.5 times as fast on a CPU.
    network.to(memory_format=torch.channels_last_3d)
    return FcnModel(network=network, settings=settings, names=tuple(names))


def predict(
    model: FcnModel, volume: Volume, *, tile: int = TILE, progress: bool = False
) -> LabelVolume:
    """Return the class of every voxel of a tomogram.

    The volume is brought to zero mean and unit variance and worked on in tiles, each read with
    all the voxels around it on which its classes can depend: there are no seams, and the tile's
    size changes only the memory needed. It runs where the network is.

    Parameters
    ----------
    model : FcnModel
        The model.
    volume : Volume
        The tomogram.
    tile : int, optional
        Edge of the part of a tile that is kept, voxels.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    LabelVolume
        uint16, with the model's names, on the volume's grid.

    Raises
    ------
    ValueError
        The tile is no positive multiple of the network's stride.

    Examples
    --------
    See `train_fcn`.
    """
    data = standardised(volume.data)
    labels = np.empty(data.shape, np.uint16)
    for where, logits in tile_logits(model, data, tile=tile, progress=progress):
        labels[where] = logits.argmax(dim=0).cpu().numpy()
    return LabelVolume(
        data=labels, voxel_size=volume.voxel_size, origin=volume.origin, names=model.names
    )


def standardised(data: np.ndarray) -> np.ndarray:
    """Return data of zero mean and unit variance, float32; zeros where all are equal.

    Parameters
    ----------
    data : array
        Values.

    Returns
    -------
    float32 array
    """
    spread = float(data.std(dtype=np.float64))
    centred = data - data.mean(dtype=np.float64)
    return (centred / spread if spread > 0 else centred).astype(np.float32)


def tile_logits(
    model: FcnModel, data: np.ndarray, *, tile: int = TILE, progress: bool = False
) -> Iterator[tuple[tuple[slice, ...], torch.Tensor]]:
    """Yield a network's output for parts of a volume that lie side by side and fill it.

    Parameters
    ----------
    model : FcnModel
        The model.
    data : (z, y, x) float32 array
        A volume of zero mean and unit variance.
    tile : int, optional
        Edge of a part, voxels.
    progress : bool, optional
        Whether to show a progress bar.

    Yields
    ------
    where : tuple of slice
        The part.
    logits : (c, z, y, x) torch.Tensor
        The output there.

    Raises
    ------
    ValueError
        The tile is no positive multiple of the network's stride.
    """
    torch = require_torch()
    stride, halo = model.settings.stride, model.settings.halo
    if tile < 1 or tile % stride:
        raise ValueError(f"tile: wanted a positive multiple of {stride}, got {tile}")
    device = next(model.network.parameters()).device
    shape = data.shape
    # Whole cells only: what is added beyond the last voxel repeats it.
    padded = np.pad(data, [(0, -n % stride) for n in shape], mode="edge")
    corners = [
        (z, y, x)
        for z in range(0, shape[0], tile)
        for y in range(0, shape[1], tile)
        for x in range(0, shape[2], tile)
    ]
    steps: Any = corners
    if progress:
        from tqdm import tqdm

        steps = tqdm(corners, desc="tiles", unit="tile")
    was_training = model.network.training
    model.network.eval()
    try:
        for corner in steps:
            read = tuple(
                slice(max(0, a - halo), min(n, a + tile + halo))
                for a, n in zip(corner, padded.shape, strict=True)
            )
            where = tuple(slice(a, min(n, a + tile)) for a, n in zip(corner, shape, strict=True))
            keep = tuple(
                slice(w.start - r.start, w.stop - r.start) for w, r in zip(where, read, strict=True)
            )
            block = torch.from_numpy(np.ascontiguousarray(padded[read]))[None, None]
            with torch.inference_mode():
                logits = model.network(block.to(device))[0]
            yield where, logits[:, *keep]
    finally:
        model.network.train(was_training)


def save_model(path: str | os.PathLike[str], model: FcnModel) -> None:
    """Write a model.

    Parameters
    ----------
    path : path-like
        Where to write; it is written beside its place and renamed.
    model : FcnModel
        The model.
    """
    torch = require_torch()
    state = {name: value.cpu() for name, value in model.network.state_dict().items()}
    with atomic_path(path) as temporary:
        torch.save(
            {
                "format": FORMAT,
                "settings": dataclasses.asdict(model.settings),
                "names": list(model.names),
                "network": state,
            },
            temporary,
        )


def load_model(path: str | os.PathLike[str]) -> FcnModel:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    path : path-like
        What to read.

    Returns
    -------
    FcnModel
        On the CPU.

    Raises
    ------
    ValueError
        It is no such file.
    """
    held = read_saved(path)
    settings = FcnSettings(**held["settings"])
    model = new_model(tuple(held["names"]), settings=settings, seed=0)
    model.network.load_state_dict(held["network"])
    model.network.eval()
    return model


def read_saved(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a file of a model or of a training, without running any code that it could hold.

    Parameters
    ----------
    path : path-like
        What to read.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        It is no such file, or of another version.
    """
    torch = require_torch()
    import pickle

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path}: not a model's file: {str(error).splitlines()[0]}") from None
    if not isinstance(held, dict) or held.get("format") != FORMAT or "network" not in held:
        raise ValueError(f"{path}: wanted a model's file of format {FORMAT}")
    return held


def require_torch() -> Any:
    """Return the module torch.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        It is not installed; the message says how to install it.
    """
    try:
        import torch
    except ImportError:
        raise ImportError(
            "torch is not installed; it comes with: pip install openmm_cgpack[torch]"
        ) from None
    return torch
