# SPDX-License-Identifier: Apache-2.0
"""Train an encoder-decoder to find keypoints or to count, and ask it.

From Python only: there is no customary file layout for points that a command could read, and
`segnet_ros.inference` deploys labels.

    network = HeatmapNetwork(SegNetBasic(2, kernel_size=3))
    train_points(network, frames, steps=3000)
    cones, posts = (peaks(heatmap, 0.4) for heatmap in predict(network, image))
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import OneCycleLR

from segnet_ros.training.device import choose_device, for_network
from segnet_ros.training.errors import TrainingError
from segnet_ros.training.models.point_heads import DensityNetwork, HeatmapNetwork
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.point_losses import density_loss, heatmap_loss
from segnet_ros.training.points import Maps, PointFrame, densities, heatmaps

_GRADIENT_CLIP = 1.0
_WARMUP = 0.1


class _Objective(NamedTuple):
    """What a network's maps should be, and how far they are from it."""

    targets: Callable[[Sequence[npt.ArrayLike], tuple[int, int], float], Maps]
    loss: Callable[[Tensor, Tensor], Tensor]


_OBJECTIVES: dict[type[nn.Module], _Objective] = {
    HeatmapNetwork: _Objective(heatmaps, heatmap_loss),
    DensityNetwork: _Objective(densities, density_loss),
}


def train_points(
    network: HeatmapNetwork | DensityNetwork,
    frames: Sequence[PointFrame],
    steps: int,
    batch_size: int = 8,
    learning_rate: float = 2e-3,
    sigma: float = 2.0,
    seed: int = 0,
) -> list[float]:
    """Train in place, on a GPU if there is one; afterwards the network is in evaluation mode.

    Args:
        network: As initialised, or pre-trained.
        frames: Pictures of one size. Asked for one by one, again and again: a sequence of one's
            own may read, render or augment a frame when it is asked for.
        steps: Batches to learn from.
        batch_size: Frames per step, drawn at random.
        learning_rate: Peak of the schedule of AdamW: warm-up, then half a cosine to zero.
        sigma: Deviation of the Gaussians around the points, pixels; 2 suits things of about
            10 pixels.
        seed: Of the frames that are drawn; of the initial weights is up to the caller.

    Returns:
        The loss of every step.

    Raises:
        TrainingError: frames and network do not fit together, or the loss is not finite, or all
            density vanished.
        ValueError: a frame's points are not [M, 2], or sigma is too small.

    """
    if len(frames) == 0:
        msg = "there are no frames to learn from"
        raise TrainingError(msg)
    objective = _OBJECTIVES[type(network)]
    device = choose_device()
    network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, fused=True)
    schedule = OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=_WARMUP)
    rng = np.random.default_rng(seed)
    losses = []
    for _ in range(steps):
        batch = [frames[int(index)] for index in rng.integers(len(frames), size=batch_size)]
        maps = network(_images(batch, device))
        targets = _targets(batch, objective, sigma, maps)
        loss = objective.loss(maps, targets)
        _check_progress(maps, targets, loss)
        _step(network, optimizer, loss)
        schedule.step()
        losses.append(loss.item())
    network.eval()
    return losses


def predict(network: nn.Module, image: npt.NDArray[np.uint8]) -> Maps:
    """Run a trained network, in evaluation mode, on a picture.

    Args:
        network: Float [1, 3, H, W] to maps [1, kinds, H, W].
        image: uint8 [H, W, 3] RGB.

    Returns:
        float32 [kinds, H, W]; `peaks` reads a heat map, the sum of a density map is the count.

    """
    device = next(network.parameters()).device
    with torch.inference_mode():
        maps: Tensor = network(_images([PointFrame(image, ())], device))
    return np.asarray(maps[0].cpu().numpy(), np.float32)


def _images(batch: Sequence[PointFrame], device: torch.device) -> Tensor:
    for frame in batch:
        _check_image(frame.image)
    shapes = {frame.image.shape for frame in batch}
    if len(shapes) > 1:
        msg = (
            f"pictures have shapes {', '.join(map(str, sorted(shapes)))}; expected one: "
            "resize or crop them, and their points"
        )
        raise TrainingError(msg)
    images = torch.from_numpy(np.stack([frame.image for frame in batch])).to(device)
    return for_network(Normalization().to(device)(images))


def _targets(
    batch: Sequence[PointFrame], objective: _Objective, sigma: float, maps: Tensor
) -> Tensor:
    kinds, (height, width) = maps.shape[1], maps.shape[2:]
    for frame in batch:
        if len(frame.points) != kinds:
            msg = f"a frame has {len(frame.points)} kinds of points; the network answers {kinds}"
            raise TrainingError(msg)
    targets = [objective.targets(frame.points, (width, height), sigma) for frame in batch]
    return torch.from_numpy(np.stack(targets)).to(maps.device)


def _check_image(image: npt.NDArray[np.uint8]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        msg = f"a picture is {image.dtype} {list(image.shape)}; expected uint8 [H, W, 3] RGB"
        raise TrainingError(msg)


def _check_progress(maps: Tensor, targets: Tensor, loss: Tensor) -> None:
    if not torch.isfinite(loss):
        msg = f"the loss is {loss.item()}; lower learning_rate"
        raise TrainingError(msg)
    # A ReLU that is shut at every pixel lets no gradient through, and stays shut.
    if targets.any() and not maps.any():
        msg = "the density is 0 at every pixel for good; lower learning_rate"
        raise TrainingError(msg)


def _step(network: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), _GRADIENT_CLIP)
    optimizer.step()
