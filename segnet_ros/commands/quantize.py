# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet quantize`."""

import argparse
from pathlib import Path

from segnet_ros.commands.arguments import count
from segnet_ros.inference.shipped import find_model
from segnet_ros.training.acceptance import in_words
from segnet_ros.training.quantize import FRAMES, quantize
from segnet_ros.training.quantized_graph import FORMATS


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("model", help="folder, or shipped name")
    parser.add_argument(
        "--data", type=Path, required=True, help="labelled frames: data set, or YAML"
    )
    parser.add_argument("--precision", choices=FORMATS, default="int8")
    parser.add_argument(
        "--frames",
        type=count,
        default=FRAMES,
        help="of the split train to calibrate with (default: %(default)s)",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    folder = find_model(options.model)
    model = quantize(folder, options.data, options.precision, options.frames, tell=print)
    graph = model.engine_graphs[options.precision]
    print(f"{folder / graph.file}: {in_words(graph)}")
    kept = model.details["quantization"][options.precision]["convolutions_in_fp16"]
    print(f"in fp16: {', '.join(kept) or 'no convolution'}")
    return 0
