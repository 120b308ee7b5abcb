# SPDX-License-Identifier: Apache-2.0
"""Does SegNet need least memory for inference? Every architecture at the paper's 480x360, counted.

Nothing is computed: see `segnet_ros.training.cost`. Feature maps are those that must exist at the
same time, in float32, with each way to remember the poolings' switches where a network has any;
`kept` is what Caffe holds, all of them at once.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from segnet_ros.evaluation.cost import Cost
from segnet_ros.training.cost import measure
from segnet_ros.training.models import ARCHITECTURES, build_model
from segnet_ros.training.models.switches import (
    IndexSwitching,
    MaskSwitching,
    Switching,
    TwoBitSwitching,
)

_SIZE = (480, 360)
_CLASSES = 11
_SWITCHINGS: dict[str, Switching] = {
    "int64 indices": IndexSwitching(), "cell masks": MaskSwitching(), "two bits": TwoBitSwitching()
}  # fmt: skip


def costs(architecture: str) -> dict[str, Cost]:
    """By the way to remember switches; one entry for a network that has none."""
    with torch.device("meta"):
        network = build_model(architecture, _CLASSES)
    if not _remember_switches(network, IndexSwitching()):
        return {"none": measure(network, _SIZE)}
    return {name: _with(network, switching) for name, switching in _SWITCHINGS.items()}


def main() -> None:
    """Print a table, the least memory first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures")
    options = parser.parse_args()
    measured = {name: costs(name) for name in ARCHITECTURES}
    if options.json:
        plain = {name: _plain(found) for name, found in measured.items()}
        options.json.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    Console().print(_table(measured))


def _with(network: nn.Module, switching: Switching) -> Cost:
    _remember_switches(network, switching)
    return measure(network, _SIZE)


def _remember_switches(network: nn.Module, switching: Switching) -> bool:
    found = [module for module in network.modules() if hasattr(module, "switching")]
    for module in found:
        module.switching = switching  # type: ignore[assignment]
    return bool(found)


def _plain(found: dict[str, Cost]) -> dict[str, Any]:
    return {switches: cost.as_dict() for switches, cost in found.items()}


def _table(measured: dict[str, dict[str, Cost]]) -> Table:
    table = Table(
        "architecture", "M parameters", "G MACs", "switches", "weights MB", "maps MB", "sum MB",
        "kept MB",
    )  # fmt: skip
    rows = [(name, *entry) for name, found in measured.items() for entry in found.items()]
    for name, switches, cost in sorted(rows, key=lambda row: row[2].inference_bytes):
        sizes = (cost.weight_bytes, cost.peak_bytes, cost.inference_bytes, cost.kept_bytes)
        table.add_row(
            name, f"{cost.parameters / 1e6:.3f}", f"{cost.macs / 1e9:.1f}", switches,
            *(f"{size / 1e6:.1f}" for size in sizes),
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
