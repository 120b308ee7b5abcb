# SPDX-License-Identifier: Apache-2.0
"""One engine of the cache: its file, and the JSON beside it that says what it is."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from segnet_ros.inference.engine.fingerprint import Fingerprint, is_text, read_fingerprint
from segnet_ros.inference.engine.private_files import read_private
from segnet_ros.inference.errors import InferenceError

_MAX_JSON = 1 << 16
_MAX_ENGINE = 1 << 34
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class CachedEngine:
    """An engine in the cache.

    Attributes:
        plan: Its file.
        facts: What its JSON says: `model` (name), `fingerprint` (its facts), `sha256` and `size`
            in bytes of the file, `built` (time in ISO 8601, UTC), `layers` (what was really built,
            in words), `seconds` that the build took. Empty if the JSON is unusable.
        defect: Why it must not be used; empty if it is whole.

    """

    plan: Path
    facts: Mapping[str, Any]
    defect: str = ""

    @property
    def fingerprint(self) -> Fingerprint:
        """What it was built from, by, on and for; only where there are facts."""
        return read_fingerprint(self.facts["fingerprint"])

    def read(self) -> bytes:
        """The engine, verified.

        Raises:
            InferenceError: it is not the file that was built.

        """
        size = self.facts["size"]
        content = _read(self.plan, size, "the engine is missing, only its JSON is there")
        if len(content) < size:
            msg = f"the engine is truncated to {len(content)} of {size} bytes"
            raise InferenceError(msg)
        if hashlib.sha256(content).hexdigest() != self.facts["sha256"]:
            msg = "the engine was altered since it was built (sha256 differs)"
            raise InferenceError(msg)
        return content


def safe_name(text: str) -> str:
    """A text as part of a file's name: it cannot lead elsewhere, nor hide the file."""
    return _UNSAFE.sub("_", text)[:100].lstrip(".") or "model"


def file_name(model_name: str, fingerprint: Fingerprint) -> str:
    """Of the engine of a model."""
    kind = safe_name(f"{model_name}-{fingerprint.precision}")
    return f"{kind}-{fingerprint.digest}.engine"


def description_of(plan: Path) -> Path:
    """The JSON file beside an engine."""
    return plan.with_suffix(".json")


def inspect(plan: Path) -> CachedEngine:
    """Everything about an engine, whole or not."""
    facts: Mapping[str, Any] = {}
    try:
        facts = read_facts(plan)
        CachedEngine(plan, facts).read()
    except InferenceError as error:
        return CachedEngine(plan, facts, str(error))
    return CachedEngine(plan, facts)


def read_facts(plan: Path) -> Mapping[str, Any]:
    """What the JSON beside an engine says of it. Nothing there is trusted to lead anywhere.

    Raises:
        InferenceError: there is none, it is damaged, or it is another engine's.

    """
    text = _read(description_of(plan), _MAX_JSON, "its JSON is missing")
    try:
        facts = json.loads(text)
    # RecursionError: brackets nested deeply.
    except (ValueError, RecursionError) as error:
        msg = "its JSON is damaged"
        raise InferenceError(msg) from error
    if not isinstance(facts, dict) or facts.keys() != _CHECKS.keys():
        msg = "its JSON has other facts than this version writes"
        raise InferenceError(msg)
    for name, is_possible in _CHECKS.items():
        if not is_possible(facts[name]):
            msg = f"its JSON is damaged: {name} is {str(facts[name])[:40]!r}"
            raise InferenceError(msg)
    if file_name(facts["model"], read_fingerprint(facts["fingerprint"])) != plan.name:
        msg = "its JSON describes another engine"
        raise InferenceError(msg)
    return facts


def _read(path: Path, max_bytes: int, missing: str) -> bytes:
    try:
        return read_private(path, max_bytes)
    except FileNotFoundError as error:
        raise InferenceError(missing) from error
    except OSError as error:
        msg = f"{path.name} cannot be read ({error.strerror})"
        raise InferenceError(msg) from error


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 < value <= _MAX_ENGINE


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "model": is_text,
    "fingerprint": lambda facts: bool(read_fingerprint(facts)),
    "sha256": _is_sha256,
    "size": _is_size,
    "built": _is_time,
    "layers": is_text,
    "seconds": _is_duration,
}
