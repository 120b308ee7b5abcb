# SPDX-License-Identifier: Apache-2.0
"""Where the arithmetic happens: device, layout and precision."""

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from segnet_ros.training.distributed import local_rank
from segnet_ros.training.errors import TrainingError


def choose_device() -> torch.device:
    """Name the GPU of this process where there are any, the CPU otherwise.

    Raises:
        TrainingError: there are more processes on this machine than GPUs.

    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    index, present = local_rank(), torch.cuda.device_count()
    if index >= present:
        msg = (
            f"process {index + 1} of this machine finds only {present} GPUs; "
            f"start torchrun with --nproc-per-node {present} or less"
        )
        raise TrainingError(msg)
    torch.cuda.set_device(index)
    # All batches have one size: the search for the fastest convolution pays.
    torch.backends.cudnn.benchmark = True
    return torch.device("cuda", index)


def for_network(batch: Tensor) -> Tensor:
    """Float [N, C, H, W] in the memory layout that convolutions are fastest with."""
    return batch.contiguous(memory_format=torch.channels_last)


def mixed_precision(device: torch.device) -> AbstractContextManager[Any]:
    """bfloat16 where the processor has it: elsewhere it is emulated, and slower than float32."""
    supported = device.type == "cuda" or cpu_has_bfloat16()
    return torch.autocast(device.type, torch.bfloat16, enabled=supported)


def cpu_has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
