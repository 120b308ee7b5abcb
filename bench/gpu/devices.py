# SPDX-License-Identifier: Apache-2.0
"""Where PyTorch computes."""

from dataclasses import dataclass

import torch
from settings import Settings


@dataclass(frozen=True)
class Device:
    """A kind of device.

    Attributes:
        name: "cuda" or "cpu".
        seconds: To spend on each timing.

    """

    name: str
    seconds: float

    @property
    def is_gpu(self) -> bool:
        """Whether there are CUDA events and pinned memory."""
        return self.name == "cuda"


def find_device(settings: Settings) -> Device:
    """The GPU; for a smoke test, else the CPU.

    Raises:
        RuntimeError: there is no GPU, and this is no smoke test.

    """
    if torch.cuda.is_available():
        return Device("cuda", settings.seconds)
    if not settings.smoke:
        msg = "PyTorch sees no GPU; --smoke tries the code on the CPU"
        raise RuntimeError(msg)
    return Device("cpu", settings.seconds)
