# SPDX-License-Identifier: Apache-2.0
"""Store trained weights in half precision, as export rounds them anyway.

usage: python bench/gpu/halve_weights.py WEIGHTS HALVED

What `load_trained` reads stays readable: names, shapes and metadata are the same.
"""

import sys
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file


def halve(source: Path, target: Path) -> None:
    """Write the tensors of a safetensors file again, floating ones as float16."""
    with safe_open(source, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    halved = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    save_file(halved, target, metadata)


if __name__ == "__main__":
    halve(Path(sys.argv[1]), Path(sys.argv[2]))
