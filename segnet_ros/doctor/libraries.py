# SPDX-License-Identifier: Apache-2.0
"""Whether Python packages are there and work, found out without loading them into this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

_SECONDS = 60.0


@dataclass(frozen=True)
class Attempt:
    """How some Python code went: what it printed, or why it failed, in words."""

    output: str = ""
    failure: str = ""


def is_installed(module: str) -> bool:
    """Whether Python finds a module; packages above it are imported, itself it is not."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return False
    # A folder that merely has the name is found too, without an origin.
    return spec is not None and (spec.origin is not None or "." in module)


def version_of(distribution: str, module: str) -> str:
    """A package's version, "present" if it does not tell (apt's), empty if it is missing."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "present" if is_installed(module) else ""


def attempt(code: str, environment: Mapping[str, str] = os.environ) -> Attempt:
    """Run Python code in a process of its own: what crashes or hangs there does not stop us."""
    try:
        done = subprocess.run(  # noqa: S603  # a list, no shell
            [sys.executable, "-c", code],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Attempt(failure=f"no answer within {_SECONDS:.0f} s")
    if done.returncode < 0:
        return Attempt(failure=f"the process ended with {_signal_name(-done.returncode)}")
    if done.returncode > 0:
        return Attempt(failure=_last_line(done.stderr) or f"exit code {done.returncode}")
    return Attempt(output=done.stdout.strip())


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
