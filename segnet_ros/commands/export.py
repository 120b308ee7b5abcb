# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet export`."""

import argparse
from pathlib import Path

from segnet_ros.commands.arguments import count, size
from segnet_ros.inference.excerpts import one_line
from segnet_ros.inference.yaml_document import YamlError, read_yaml
from segnet_ros.training.acceptance import in_words
from segnet_ros.training.errors import ExportError
from segnet_ros.training.export import export
from segnet_ros.training.monte_carlo import SAMPLES


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("weights", type=Path, help="safetensors of `segnet train`")
    parser.add_argument("output", type=Path, help="model folder, such as engines/NAME")
    parser.add_argument("--size", type=size, default=(480, 360), help="WIDTHxHEIGHT of the network")
    parser.add_argument(
        "--details", type=Path, help="YAML with further facts for model.yaml: data, taxonomy"
    )
    parser.add_argument(
        "--samples",
        type=count,
        help=f"how often a Bayesian network answers per frame (default: {SAMPLES})",
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="labelled frames for the graph's acceptance: data set, or YAML (default: rendered)",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    details = _read_details(options.details) if options.details else {}
    model = export(
        options.weights, options.output, options.size, details, options.samples, options.data
    )
    agreement = model.details["agreement_with_pytorch"]
    print(f"{options.output}: PyTorch's label on {agreement:.4%} of the pixels")
    for graph in model.engine_graphs.values():
        print(f"{options.output / graph.file}: {in_words(graph)}")
    return 0


def _read_details(path: Path) -> dict[str, object]:
    try:
        details = read_yaml(path)
    except (OSError, YamlError) as error:
        msg = f"{path} is not readable YAML: {one_line(error)}; correct it"
        raise ExportError(msg) from error
    if not isinstance(details, dict):
        msg = f"{path} holds {type(details).__name__}; expected a mapping"
        raise ExportError(msg)
    return details
