# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet import-caffe`."""

import argparse
from pathlib import Path

from segnet_ros.datasets.class_list import parse_taxonomy
from segnet_ros.inference.excerpts import one_line
from segnet_ros.inference.model import SegmentationClass
from segnet_ros.inference.yaml_document import read_yaml
from segnet_ros.training.caffe.conversion import import_caffe
from segnet_ros.training.caffe.proto import CaffeImportError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = "The authors release their weights for personal and research use (CC BY-NC 4.0)"
    parser.add_argument("caffemodel", type=Path, help="SegNet, SegNet-Basic or a Bayesian variant")
    parser.add_argument(
        "--output", type=Path, help="safetensors for `segnet export`; by default beside the input"
    )
    parser.add_argument(
        "--classes",
        type=Path,
        help="YAML with the key `classes`, such as a model.yaml or a dataset's description; by "
        "default those that the zoo's networks with as many outputs have",
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    output = options.output or options.caffemodel.with_suffix(".safetensors")
    classes = _read_classes(options.classes) if options.classes else None
    imported = import_caffe(options.caffemodel, output, classes)
    names = ", ".join(item.name for item in imported.classes)
    print(f"{output}: {imported.architecture}, {len(imported.classes)} classes ({names})")
    return 0


def _read_classes(path: Path) -> tuple[SegmentationClass, ...]:
    try:
        facts = read_yaml(path)
        return parse_taxonomy(path.name, facts["classes"], void=[]).classes
    except (OSError, ValueError, LookupError, TypeError) as error:
        msg = (
            f"{path} names no classes ({one_line(error)}); expected YAML such as "
            "`classes: [floor, wall]`"
        )
        raise CaffeImportError(msg) from error
