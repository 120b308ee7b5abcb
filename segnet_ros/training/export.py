# SPDX-License-Identifier: Apache-2.0
"""Trained weights to a model folder: graphs, checked against PyTorch, and model.yaml."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from segnet_ros.inference.engine.options import DEFAULT_PRECISION
from segnet_ros.inference.model import (
    DESCRIPTION,
    GRAPH,
    Model,
    file_sha256,
    save_description,
)
from segnet_ros.inference.replaced_folder import replacing_folder
from segnet_ros.training.acceptance import accept, data_exam, rendered_exam
from segnet_ros.training.cpu_graph import write_onnx
from segnet_ros.training.deployed import (
    DeployedBayesianNetwork,
    DeployedNetwork,
    use_switching,
)
from segnet_ros.training.engine_graph import engine_graph
from segnet_ros.training.errors import ExportError
from segnet_ros.training.golden import make_golden, save_golden
from segnet_ros.training.graph_labels import Pixels, Reference
from segnet_ros.training.models.switches import MaskSwitching
from segnet_ros.training.monte_carlo import SAMPLES, is_bayesian
from segnet_ros.training.normalization import Normalization
from segnet_ros.training.rendered_frames import rendered_frames
from segnet_ros.training.trained import load_trained

# Switches are discontinuous: another order of additions alone moves one label in ten thousand.
MIN_AGREEMENT = 0.999
_CHECK_FRAMES = 4
_GOLDEN_FRAMES = 3


def export(
    weights: Path,
    output: Path,
    size: tuple[int, int],
    details: Mapping[str, Any],
    samples: int | None = None,
    data: Path | None = None,
) -> Model:
    """Export trained weights, for the CPU and for TensorRT.

    Args:
        weights: Safetensors as `train` writes them: the recipe is in their metadata.
        output: The model folder to write; its name becomes the model's. An older model there is
            replaced as a whole.
        size: (width, height) of the network's input, at least 64x48.
        details: Further facts for model.yaml, such as the training data and scores.
        samples: How often a Bayesian network answers per frame; by default `SAMPLES` times.
        data: Labelled frames on which the graph for TensorRT must do as well as model.onnx; by
            default rendered ones.

    Raises:
        CheckpointError: the weights cannot be used.
        DatasetError: the data cannot be read.
        ExportError: `output` holds something else than a model, the size is too small, samples
            are asked of a network without any, a file's labels differ from PyTorch's, or the
            data hold other classes.
        FileWriteError: the folder cannot be written; an older model is still there.
        InferenceError: another process writes it.

    """
    _refuse_foreign_folder(output)
    trained = load_trained(weights)
    deployed = deployable(trained.network, trained.normalization, samples)
    with replacing_folder(output) as folder:
        write_onnx(deployed, size, folder / GRAPH)
        agreement = label_agreement(deployed, folder / GRAPH, size)
        if agreement < MIN_AGREEMENT:
            msg = (
                f"the exported graph gives PyTorch's label on {agreement:.2%} of the pixels; "
                f"expected {MIN_AGREEMENT:.1%}; nothing was written"
            )
            raise ExportError(msg)
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
        model = add_engine_graph(model, deployed, data)
        save_description(model)
    return replace(model, folder=output)


def add_engine_graph(model: Model, deployed: DeployedNetwork, data: Path | None) -> Model:
    """Write the FP16 graph and golden frames beside model.onnx.

    Args:
        model: Its folder holds model.onnx.
        deployed: What model.onnx was made of.
        data: See `export`.

    Returns:
        The model with the new facts, which are not written yet.

    Raises:
        DatasetError: the data cannot be read.
        ExportError: the graph is too bad, or the data hold other classes.

    """
    reference = Reference(model.graph)
    frames = rendered_frames(model.size)
    golden = make_golden([frame.image for frame in frames[:_GOLDEN_FRAMES]], reference.labels)
    exam = (
        data_exam(data, model.size, model.classes, reference)
        if data
        else rendered_exam(frames, model.classes, reference)
    )
    content = engine_graph(deployed, model.size).SerializeToString()
    graph = accept(content, DEFAULT_PRECISION, exam, golden)
    (model.folder / graph.file).write_bytes(content)
    graphs = {DEFAULT_PRECISION: graph}
    return replace(model, engine_graphs=graphs, golden=save_golden(golden, model.folder))


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
    use_switching(folded, MaskSwitching())
    folded = folded.half().float()
    if is_bayesian(folded):
        count = SAMPLES if samples is None else samples
        return DeployedBayesianNetwork(folded, normalization, count).eval()
    if samples is not None:
        msg = (
            f"{samples} samples are asked of a network that has nothing to sample; "
            "only a Bayesian architecture has, such as bayesian_segnet"
        )
        raise ExportError(msg)
    return DeployedNetwork(folded, normalization).eval()


def label_agreement(deployed: DeployedNetwork, path: Path, size: tuple[int, int]) -> float:
    """Share of pixels on which the file, run in float32, and PyTorch give the same label."""
    reference = Reference(path)
    images = [frame.image for frame in rendered_frames(size)[:_CHECK_FRAMES]]
    same = [
        np.mean(reference.labels(image) == _pytorch_labels(deployed, image)) for image in images
    ]
    return float(np.mean(same))


def _refuse_foreign_folder(output: Path) -> None:
    replaceable = (output / DESCRIPTION).is_file() or not output.exists()
    if not replaceable and any(output.iterdir()):
        msg = (
            f"{output} has content but no {DESCRIPTION}: it is no model folder, and is not "
            "replaced; choose another folder, or remove it"
        )
        raise ExportError(msg)


def _pytorch_labels(deployed: DeployedNetwork, image: Pixels) -> Pixels:
    with torch.inference_mode():
        labels: Tensor = deployed(torch.from_numpy(image[None]))[0][0]
    return np.asarray(labels.numpy(), dtype=np.uint8)


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
