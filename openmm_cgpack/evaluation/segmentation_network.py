"""Semantic segmentation by a 3D fully convolutional network; torch is imported on use."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.messages import said_of
from ..core.runtime import tracked
from ..core.settings import Settings, setting
from ..core.tables import from_table, to_table
from ..core.volume import LabelVolume, Volume
from ..io.files import atomic_path

if TYPE_CHECKING:
    import torch

FORMAT = 2
"""Version of the files of models."""

TILE = 96
"""Edge of the part of a tile that is kept, voxels."""


class Network(Settings):
    """The size of an encoder-decoder fully convolutional network."""

    width: int = setting(
        "features at full resolution; twice as many after each pooling",
        default=12,
        minimum=1,
        maximum=4096,
    )
    depth: int = setting("number of poolings", default=2, minimum=0, maximum=10)
    convolutions: int = setting(
        "convolutions at each resolution, on the way down and on the way up", default=1, minimum=1
    )

    @property
    def stride(self) -> int:
        """Voxels along the edge of one cell at the coarsest resolution."""
        return 2**self.depth

    @property
    def halo(self) -> int:
        """How many voxels away from a voxel its class can depend on, up to a whole `stride`."""
        # Convolutions reach one cell of their level, once down and once up except at the bottom;
        # cells are aligned to the grid, which adds less than one of the coarsest.
        cells = 2 * (self.stride - 1) + self.stride
        reach = self.convolutions * cells + self.stride - 1
        return -(-reach // self.stride) * self.stride


@dataclass(frozen=True, kw_only=True, eq=False)
class FcnModel:
    """A network with all that is needed to use it.

    It is a callable as `score_labels` takes it: a tomogram's data in, labels out.

    Parameters
    ----------
    module : torch.nn.Module
        The network with its weights.
    network : Network
        Its size.
    names : tuple of str
        Names of the classes from 1 on.
    """

    module: torch.nn.Module
    network: Network
    names: tuple[str, ...]

    def __call__(self, data: np.ndarray) -> np.ndarray:
        """Return labels, (z, y, x) uint16, for a tomogram's data of the same shape."""
        return predict(self, Volume(data=data, voxel_size=1.0, origin=np.zeros(3))).data


def new_model(names: tuple[str, ...], network: Network, *, seed: int) -> FcnModel:
    """Return an untrained model; `names` are those of the classes from 1 on.

    Examples
    --------
    >>> new_model(("1f1b",), Network(width=4), seed=1).names
    ('1f1b',)
    """
    torch = require_torch()
    from .encoder_decoder import EncoderDecoder

    # torch draws weights from its global generator, whose state is restored.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = EncoderDecoder(
            n_classes=len(names) + 1,
            width=network.width,
            depth=network.depth,
            convolutions=network.convolutions,
        )
    # Features of one voxel beside each other: 1.5 times as fast on a CPU.
    module.to(memory_format=torch.channels_last_3d)
    return FcnModel(module=module, network=network, names=tuple(names))


def predict(
    model: FcnModel, volume: Volume, *, tile: int = TILE, progress: bool = False
) -> LabelVolume:
    """Return the class of every voxel of a tomogram.

    The volume is standardised and processed in tiles, each read with all the voxels around it on
    which its classes can depend: there are no seams, and the tile's size changes only the memory
    needed. It runs on the network's device.

    Parameters
    ----------
    model : FcnModel
        The model.
    volume : Volume
        The tomogram.
    tile : int, optional
        Edge of the part of a tile that is kept, voxels: a multiple of the network's stride.
    progress : bool, optional
        Whether to show a progress bar.

    Returns
    -------
    LabelVolume
        uint16, with the model's names, on the volume's grid.

    Examples
    --------
    >>> model = new_model(("1f1b",), Network(width=4), seed=1)
    >>> volume = Volume(data=np.zeros((8, 8, 8)), voxel_size=1.0, origin=(0, 0, 0))
    >>> predict(model, volume).data.shape
    (8, 8, 8)
    """
    data = standardised(volume.data)
    labels = np.empty(data.shape, np.uint16)
    for where, logits in tile_logits(model, data, tile=tile, progress=progress):
        labels[where] = logits.argmax(dim=0).cpu().numpy()
    return LabelVolume(
        data=labels, voxel_size=volume.voxel_size, origin=volume.origin, names=model.names
    )


def standardised(data: np.ndarray) -> np.ndarray:
    """Return data of zero mean and unit variance, float32; zeros where all are equal."""
    spread = float(data.std(dtype=np.float64))
    centred = data - data.mean(dtype=np.float64)
    return (centred / spread if spread > 0 else centred).astype(np.float32)


def tile_logits(
    model: FcnModel, data: np.ndarray, *, tile: int, progress: bool = False
) -> Iterator[tuple[tuple[slice, ...], torch.Tensor]]:
    """Yield parts of a volume that fill it, and a network's output (c, z, y, x) for each.

    `data` is standardised; `tile` is the edge of a part, voxels.
    """
    torch = require_torch()
    module, stride, halo = model.module, model.network.stride, model.network.halo
    if tile < 1 or tile % stride:
        raise ValueError(f"tile: wanted a positive multiple of {stride}, got {tile}")
    device = next(module.parameters()).device
    shape = data.shape
    # Whole cells only: what is added beyond the last voxel repeats it.
    padded = np.pad(data, [(0, -n % stride) for n in shape], mode="edge")
    corners = itertools.product(*(range(0, n, tile) for n in shape))
    was_training = module.training
    module.eval()
    try:
        for corner in tracked(corners, "tiles", show=progress):
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
                logits = module(block.to(device))[0]
            yield where, logits[:, *keep]
    finally:
        module.train(was_training)


def save_model(path: str | os.PathLike[str], model: FcnModel) -> None:
    """Write a model.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.pt")
    ...     save_model(path, new_model(("1f1b",), Network(width=4), seed=1))
    ...     load_model(path).network.width
    4
    """
    write_saved(path, model, network=state_of(model.module))


def load_model(path: str | os.PathLike[str]) -> FcnModel:
    """Read a model, on the CPU, that `save_model` wrote, or the last of a training's checkpoint."""
    held = read_saved(path)
    size = from_table(Network, held["settings"])
    model = new_model(tuple(held["names"]), size, seed=0)
    model.module.load_state_dict(held["network"])
    model.module.eval()
    return model


def state_of(module: torch.nn.Module) -> dict[str, Any]:
    """Return a copy of a network's weights, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


def write_saved(path: str | os.PathLike[str], model: FcnModel, **more: Any) -> None:
    """Write a model's settings and names with whatever else belongs to them."""
    torch = require_torch()
    head = {"format": FORMAT, "settings": to_table(model.network), "names": list(model.names)}
    with atomic_path(path) as temporary:
        torch.save({**head, **more}, temporary)


def read_saved(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a file of a model or of a training, without running any code that it could hold."""
    torch = require_torch()

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with said_of(path, "a model's file"):
        held = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(held, dict) or held.get("format") != FORMAT or "network" not in held:
        raise ValueError(f"{path}: wanted a model's file of format {FORMAT}")
    return held


def require_torch() -> Any:
    """Return the module torch, or raise ImportError that says how to install it."""
    try:
        import torch
    except ImportError:
        raise ImportError(
            "torch is not installed; it comes with: pip install openmm_cgpack[torch]"
        ) from None
    return torch
