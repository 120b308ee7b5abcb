# SPDX-License-Identifier: Apache-2.0
"""How a builder is given earlier timings: usable ones, fresh ones, or none at all."""

from types import SimpleNamespace
from typing import Any

import pytest

from segnet_ros.inference.engine.kernel_timings import attach_timing_cache, read_timing_cache
from segnet_ros.inference.engine.tensorrt_api import TensorRt

TENSORRT = TensorRt(SimpleNamespace(), "TensorRT", "10.3.0")
RTX = TensorRt(SimpleNamespace(), "TensorRT-RTX", "1.7.1")


class Config:
    """A builder's configuration that makes and takes some contents only."""

    def __init__(self, makes: tuple[bytes, ...], takes: tuple[bytes, ...]) -> None:
        self.makes, self.takes = makes, takes
        self.attached: bytes | None = None
        self.tried: list[bytes] = []

    def create_timing_cache(self, content: bytes) -> Any:
        self.tried.append(content)
        return SimpleNamespace(content=content) if content in self.makes else None

    def set_timing_cache(self, timings: Any, ignore_mismatch: bool) -> bool:
        assert ignore_mismatch is False
        if timings.content not in self.takes:
            return False
        self.attached = timings.content
        return True

    def get_timing_cache(self) -> Any:
        if self.attached is None:
            return None
        return SimpleNamespace(serialize=lambda: bytearray(self.attached + b" and more"))


@pytest.mark.parametrize(
    ("makes", "takes", "tried", "read"),
    [
        ((b"old", b""), (b"old", b""), [b"old"], b"old and more"),
        # Another GPU's are made, but not taken; damaged ones are not even made.
        ((b"old", b""), (b"",), [b"old", b""], b" and more"),
        ((b"",), (b"",), [b"old", b""], b" and more"),
        # A builder that takes none builds all the same.
        ((b"old", b""), (), [b"old", b""], b""),
        ((), (), [b"old", b""], b""),
    ],
)
def test_what_is_unusable_starts_afresh(
    makes: tuple[bytes, ...], takes: tuple[bytes, ...], tried: list[bytes], read: bytes
) -> None:
    config = Config(makes, takes)
    attach_timing_cache(TENSORRT, config, b"old")
    assert config.tried == tried
    answer = read_timing_cache(TENSORRT, config)
    assert answer == read
    assert type(answer) is bytes


def test_tensorrt_rtx_is_not_asked() -> None:
    config = Config((b"old", b""), (b"old", b""))
    attach_timing_cache(RTX, config, b"old")
    assert config.tried == []
    assert read_timing_cache(RTX, config) == b""
