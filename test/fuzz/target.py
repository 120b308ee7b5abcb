# SPDX-License-Identifier: Apache-2.0
"""What is fuzzed: one parser, what it may refuse with, and what it may take."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

MODULES = {
    "targets_messages": ("hypothesis",),
    "targets_ros": ("hypothesis", "rclpy"),
    "targets_models": ("onnx", "openvino"),
    "targets_training": ("torch",),
    "targets_bags": ("mcap",),
}
"""Each has `TARGETS: Sequence[Target]`, and runs where these packages are installed."""


class NoCaseError(Exception):
    """The bytes describe no case; it is not counted."""


@dataclass(frozen=True)
class Target:
    """A parser under test.

    Attributes:
        name: Unique, such as "model_yaml".
        parse: Feeds it one case; asserts what holds for cases that it takes.
        refusals: What it may raise: its room's one error type.
        seeds: Valid inputs to start from.
        memory: Bytes above the idle process that one case may take.
        seconds: That one case may take.
        mutate: Makes a case of another with knowledge of its structure; None: bytes alone change.

    """

    name: str
    parse: Callable[[bytes], None]
    refusals: tuple[type[Exception], ...]
    seeds: Callable[[], Sequence[bytes]]
    memory: int = 256 * 2**20
    seconds: float = 10.0
    mutate: Callable[[bytes, random.Random], bytes] | None = None


def find_targets(modules: Iterable[str] = MODULES) -> dict[str, tuple[str, Target]]:
    """Every target that this machine can run: its module and itself, by its name."""
    return {
        target.name: (module, target)
        for module in filter(_can_run, modules)
        for target in import_module(module).TARGETS
    }


def _can_run(module: str) -> bool:
    return all(find_spec(name) is not None for name in (module, *MODULES[module]))
