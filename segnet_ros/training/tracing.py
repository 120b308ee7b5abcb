# SPDX-License-Identifier: Apache-2.0
"""A PyTorch module to an ONNX graph."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

OPSET = 17


def trace(network: nn.Module, example: Tensor, outputs: Sequence[str]) -> onnx.ModelProto:
    """Record what a network does to an example.

    Args:
        network: In evaluation mode.
        example: What becomes the input `image`; all sizes become constants.
        outputs: Names of the results.

    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "traced.onnx"
        with warnings.catch_warnings(), torch.inference_mode():
            # The sizes are meant to be constants, and the newer exporter writes ScatterND.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
            for start in ("You are using the legacy TorchScript", "The feature will be removed"):
                warnings.filterwarnings("ignore", start, DeprecationWarning)
            torch.onnx.export(
                network,
                (example,),
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=["image"],
                output_names=list(outputs),
            )
        return onnx.load(path)
