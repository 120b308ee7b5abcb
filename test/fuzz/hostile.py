# SPDX-License-Identifier: Apache-2.0
"""Texts that somebody might give as a name, a path or a value."""

HOSTILE_TEXTS = (
    "", "\0", "a\0b", "\n", "a\nb", "\x1b[2J", "\u202e", "~", "~nobody/x", "../" * 50, "/",
    "/dev/zero", "/dev/stdin", "/proc/self/mem", "x" * 300, "x" * 100_000, "a/" * 5000, "nan",
    "%s%n", "{camera}", "front", "front__left", "_", "1", "1e999", "-1", "9" * 5000, "é",
    "front,left", "true", "auto", "raw", "openvino", "int8", "compressed", "network",
    "segnet_light_camvid", "driving", "config", ".", "..",
)  # fmt: skip
