"""Semantic segmentation by a 3D fully convolutional network; torch is imported on use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.display import described
from ..core.messages import said_of
from ..core.runtime import require
from ..core.settings import Settings, setting
from ..core.tables import from_table, to_table
from ..core.volume import LabelVolume, Volume
from ..io.files import atomic_path

if TYPE_CHECKING:
    import torch

FORMAT = 3
"""Version of the files of models."""

WINDOW = 96
"""Edge of the window that slides over a tomogram, voxels."""

OVERLAP = 0.25
"""Share of a window that neighbours overlap; what lies near its faces weighs less."""


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


@described
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
    require_monai("networks")
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
    model: FcnModel, volume: Volume, *, window: int = WINDOW, progress: bool = True
) -> LabelVolume:
    """Return the class of every voxel of a tomogram.

    The volume is standardised; a window slides over it, as MONAI's ``sliding_window_inference``
    has it. It runs on the network's device.

    Parameters
    ----------
    model : FcnModel
        The model.
    volume : Volume
        The tomogram.
    window : int, optional
        Edge of the window, voxels: a multiple of the network's stride.
    progress : bool, optional
        Whether to show a progress bar in a terminal or notebook, from a second on.

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
    logits = logits_of(model, standardised(volume.data), window=window, progress=progress)
    labels = logits.argmax(dim=0).cpu().numpy().astype(np.uint16)
    return LabelVolume(
        data=labels, voxel_size=volume.voxel_size, origin=volume.origin, names=model.names
    )


def standardised(data: np.ndarray) -> np.ndarray:
    """Return data of zero mean and unit variance, float32; zeros where all are equal."""
    spread = float(data.std(dtype=np.float64))
    centred = data - data.mean(dtype=np.float64)
    return (centred / spread if spread > 0 else centred).astype(np.float32)


def logits_of(
    model: FcnModel, data: np.ndarray, *, window: int = WINDOW, progress: bool = True
) -> torch.Tensor:
    """Return a network's output (c, z, y, x) for standardised data (z, y, x); see `predict`."""
    torch = require_torch()
    module, stride = model.module, model.network.stride
    if window < 1 or window % stride:
        raise ValueError(f"window: wanted a positive multiple of {stride}, got {window}")
    # No larger than the volume, in whole cells of the coarsest resolution.
    edges = [min(window, -(-n // stride) * stride) for n in data.shape]
    image = torch.from_numpy(np.ascontiguousarray(data))[None, None]
    was_training = module.training
    module.eval()
    try:
        with torch.inference_mode():
            return require_monai("inferers").sliding_window_inference(
                image.to(next(module.parameters()).device),
                edges,
                sw_batch_size=1,
                predictor=module,
                overlap=OVERLAP,
                mode="gaussian",
                padding_mode="replicate",
                progress=progress,
            )[0]
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
    """Return the module torch; MissingExtra says how to install it."""
    return require("torch", "torch")


def require_monai(part: str) -> Any:
    """Return a part of MONAI; MissingExtra says how to install it, before torch is imported."""
    return require(f"monai.{part}", "monai")
