"""Trained weights to a model folder: model.onnx, checked against PyTorch, and model.yaml."""

import copy
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import openvino
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segnet_ros.inference.model import (
    DESCRIPTION,
    GRAPH,
    Model,
    file_sha256,
    save_description,
)
from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training.deployed import (
    DeployedBayesianNetwork,
    DeployedNetwork,
    use_mask_switching,
)
from segnet_ros.training.monte_carlo import SAMPLES, is_bayesian
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.packed_masks import pack_masks
from segnet_ros.training.trained import load_trained

OPSET = 17
# Switches are discontinuous: another order of additions alone moves one label in ten thousand.
MIN_AGREEMENT = 0.999
_MIN_HALVED_VALUES = 256


class ExportError(RuntimeError):
    """The model folder cannot be written, or the file does not do what the network does."""


def export(
    weights: Path,
    output: Path,
    size: tuple[int, int],
    details: Mapping[str, Any],
    samples: int | None = None,
) -> Model:
    """Export trained weights.

    Args:
        weights: Safetensors as `train` writes them: the recipe is in their metadata.
        output: The model folder to write; its name becomes the model's. An older model there is
            replaced as a whole.
        size: (width, height) of the network's input, at least 64x48.
        details: Further facts for model.yaml, such as the training data and scores.
        samples: How often a Bayesian network answers per frame; by default `SAMPLES` times.

    Raises:
        CheckpointError: the weights cannot be used.
        ExportError: `output` holds something else than a model, the size is too small, samples
            are asked of a network without any, or the file's labels differ from PyTorch's.
    """
    _refuse_foreign_folder(output)
    trained = load_trained(weights)
    deployed = deployable(trained.network, trained.normalization, samples)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".export-") as temporary:
        folder = Path(temporary) / output.name
        folder.mkdir()
        write_onnx(deployed, size, folder / GRAPH)
        agreement = label_agreement(deployed, folder / GRAPH, size)
        if agreement < MIN_AGREEMENT:
            raise ExportError(
                f"the exported graph gives PyTorch's label on {agreement:.2%} of the pixels; "
                f"expected {MIN_AGREEMENT:.1%}; nothing was written"
            )
        model = Model(
            name=output.name,
            architecture=trained.recipe["architecture"],
            size=size,
            classes=trained.classes,
            sha256=file_sha256(folder / GRAPH),
            folder=folder,
            details={
                "recipe": trained.recipe,
                "agreement_with_pytorch": round(agreement, 6),
                **deployed.facts,
                **details,
            },
        )
        save_description(model)
        _swap_in(folder, output, aside=Path(temporary) / "replaced")
    return replace(model, folder=output)


def deployable(
    network: nn.Module, normalization: Normalization, samples: int | None = None
) -> DeployedNetwork:
    """A copy for export: batch norm folded, weights rounded to half precision, no indices.

    Args:
        network: Stays as it is.
        normalization: From camera bytes to the network's input.
        samples: Masks to freeze in a Bayesian network; by default `SAMPLES`.

    Raises:
        ExportError: samples are asked of a network without any.
    """
    folded = _fold_batch_norm(copy.deepcopy(network).eval())
    use_mask_switching(folded)
    folded = folded.half().float()
    if is_bayesian(folded):
        count = SAMPLES if samples is None else samples
        return DeployedBayesianNetwork(folded, normalization, count).eval()
    if samples is not None:
        raise ExportError(
            f"{samples} samples are asked of a network that has nothing to sample; "
            "only a Bayesian architecture has, such as bayesian_segnet"
        )
    return DeployedNetwork(folded, normalization).eval()


def write_onnx(deployed: DeployedNetwork, size: tuple[int, int], path: Path) -> None:
    """Write a graph of batch 1 whose large weights are stored in half precision, losslessly."""
    width, height = size
    example = torch.zeros(1, height, width, 3, dtype=torch.uint8)
    _trace(deployed, example, path)
    graph = onnx.load(path)
    _store_weights_in_half(graph)
    pack_masks(graph)
    _declare_outputs(graph, [1, height, width])
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def label_agreement(deployed: DeployedNetwork, path: Path, size: tuple[int, int]) -> float:
    """Share of pixels on which the file, run in float32, and PyTorch give the same label."""
    core = openvino.Core()
    compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    same = [
        np.mean(compiled(image)["labels"] == _pytorch_labels(deployed, image))
        for image in _check_frames(size)
    ]
    return float(np.mean(same))


def _refuse_foreign_folder(output: Path) -> None:
    replaceable = (output / DESCRIPTION).is_file() or not output.exists()
    if not replaceable and any(output.iterdir()):
        raise ExportError(
            f"{output} has content but no {DESCRIPTION}: it is no model folder, and is not "
            "replaced; choose another folder, or remove it"
        )


def _swap_in(folder: Path, output: Path, aside: Path) -> None:
    """Put a folder in the place of another, which is moved aside first and back on a failure."""
    if output.exists():
        output.rename(aside)
    try:
        folder.rename(output)
    finally:
        if aside.exists() and not output.exists():
            aside.rename(output)


def _trace(deployed: DeployedNetwork, example: Tensor, path: Path) -> None:
    with warnings.catch_warnings():
        # The sizes are meant to be constants, and the newer exporter writes ScatterND.
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        for start in ("You are using the legacy TorchScript", "The feature will be removed"):
            warnings.filterwarnings("ignore", start, DeprecationWarning)
        torch.onnx.export(
            deployed,
            (example,),
            str(path),
            dynamo=False,
            opset_version=OPSET,
            input_names=["image"],
            output_names=list(deployed.outputs),
        )


def _pytorch_labels(
    deployed: DeployedNetwork, image: npt.NDArray[np.uint8]
) -> npt.NDArray[np.uint8]:
    with torch.inference_mode():
        labels: Tensor = deployed(torch.from_numpy(image))[0]
    return np.asarray(labels.numpy(), dtype=np.uint8)


def _check_frames(size: tuple[int, int]) -> Iterator[npt.NDArray[np.uint8]]:
    for seed in range(4):
        yield _drive(seed, size).frame(10 * seed)[0][None]


def _drive(seed: int, size: tuple[int, int]) -> StreetDrive:
    try:
        return StreetDrive(seed, size)
    except ValueError as error:
        raise ExportError(f"no frame to check the graph with: {error}") from error


def _fold_batch_norm(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, _fold_batch_norm(child))
    match list(module.children()):
        case [
            nn.Conv2d() | nn.ConvTranspose2d() as convolution,
            nn.BatchNorm2d() as norm,
            *rest,
        ] if isinstance(module, nn.Sequential):
            transposed = isinstance(convolution, nn.ConvTranspose2d)
            return nn.Sequential(fuse_conv_bn_eval(convolution, norm, transposed), *rest)
    return module


def _store_weights_in_half(graph: onnx.ModelProto) -> None:
    casts = []
    for tensor in list(graph.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _MIN_HALVED_VALUES or not _is_half(values):
            continue
        graph.graph.initializer.remove(tensor)
        stored = f"{tensor.name}_float16"
        graph.graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        graph.graph.node.insert(0, cast)


def _declare_outputs(graph: onnx.ModelProto, shape: list[int]) -> None:
    """Padding to even sizes makes the exporter lose track of shapes."""
    for output in graph.graph.output:
        for dimension, length in zip(output.type.tensor_type.shape.dim, shape, strict=True):
            dimension.dim_value = length


def _is_half(values: npt.NDArray[np.float32]) -> bool:
    return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))
