# SPDX-License-Identifier: Apache-2.0
"""Count a network's parameters, multiply-accumulates and memory without computing anything.

The network runs on PyTorch's `meta` device: shapes, no values. What the operations would allocate
is therefore exact, the same on every machine, and takes no memory itself.

Batch normalisation is left out, since export folds it into the convolutions; only its share of the
parameters is counted.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.flop_counter import FlopCounterMode

from segnet_ros.evaluation.cost import Cost
from segnet_ros.training.models import build_model

_FLOPS_PER_MAC = 2


def measure_architecture(architecture: str, classes: int, size: tuple[int, int]) -> Cost:
    """Count for a network that need not exist; see `measure`.

    Raises:
        ValueError: there is no such architecture.

    """
    with torch.device("meta"):
        network = build_model(architecture, classes)
    return measure(network, size)


def measure(network: nn.Module, size: tuple[int, int]) -> Cost:
    """Count for one image.

    Args:
        network: float [N, 3, H, W] to any tensor; stays as it is.
        size: (width, height) of the image, pixels.

    """
    counted = _without_batch_norm(copy.deepcopy(network).to("meta").eval())
    image = torch.empty(1, 3, size[1], size[0], device="meta")
    with torch.no_grad():
        lifetimes = _Lifetimes(make_fx(counted)(image))
        with FlopCounterMode(display=False) as counter:
            lifetimes.run(image)
    return Cost(
        size=size,
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        macs=counter.get_total_flops() // _FLOPS_PER_MAC,
        weight_bytes=sum(tensor.nbytes for tensor in counted.state_dict().values()),
        peak_bytes=lifetimes.peak_bytes,
        kept_bytes=lifetimes.kept_bytes,
    )


def _without_batch_norm(network: nn.Module) -> nn.Module:
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    return network


class _Lifetimes(Interpreter):
    """Runs the operations in order, lets go of what no later one reads, and adds up the rest.

    Views and in-place operations share the storage of what they change, and count once.
    """

    def __init__(self, graph: GraphModule) -> None:
        super().__init__(graph)
        self.peak_bytes = 0
        self.kept_bytes = 0

    def run_node(self, n: Node) -> Any:
        value = super().run_node(n)
        live = _storages(self.env)
        new = {} if n.op == "output" else _storages({n: value})
        self.kept_bytes += sum(new[key] for key in new.keys() - live.keys())
        self.peak_bytes = max(self.peak_bytes, sum((live | new).values()))
        return value


def _storages(values: dict[Node, Any]) -> dict[int, int]:
    """Bytes by storage of all tensors that are no weights."""
    storages = (
        value.untyped_storage()
        for node, value in values.items()
        if isinstance(value, Tensor) and node.op != "get_attr"
    )
    # Views have storage objects of their own; only the address is shared.
    return {storage._cdata: storage.nbytes() for storage in storages}  # noqa: SLF001
