# SPDX-License-Identifier: Apache-2.0
"""Look at everything, and say what it comes to."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from segnet_ros.doctor import areas, verdict
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.spelling import spelled, speller
from segnet_ros.doctor.surroundings import Surroundings

# By the order in which they can be mended. Imported one by one, inside what catches their failures:
# a library that is broken must not hide what the others say.
_CHECKS = {
    "machine": areas.MACHINE,
    "jetson": areas.JETSON,
    "packages": areas.PACKAGES,
    "gpu": areas.GPU,
    "tensorrt": areas.TENSORRT,
    "openvino": areas.OPENVINO,
    "ros": areas.ROS,
    "middleware": areas.MIDDLEWARE,
    "rclpy": areas.RCLPY,
    "shared_memory": areas.SHARED_MEMORY,
    "models": areas.MODELS,
    "engines": areas.ENGINES,
    "disk": areas.DISK,
}


@dataclass(frozen=True)
class Diagnosis:
    """What `segnet doctor` tells.

    Attributes:
        version: Of this package.
        findings: In the order of the checks, the verdict about runtimes last.
        next_step: What to do now, commands in backticks.

    """

    version: str
    findings: Sequence[Finding]
    next_step: str

    @property
    def can_run(self) -> bool:
        """Whether the node could run now."""
        return all(finding.level != "error" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "can_run": self.can_run}


def diagnose(here: Surroundings, looking_at: Callable[[str], None]) -> Diagnosis:
    """Run every check.

    Args:
        here: The machine.
        looking_at: Told each area before its check starts.

    """
    findings: list[Finding] = []
    for module, area in _CHECKS.items():
        looking_at(area)
        findings += _run(module, area, here)
    findings.append(verdict.runtime(findings))
    spell = speller(here)
    return Diagnosis(
        version=_version(),
        findings=[spelled(finding, spell) for finding in findings],
        next_step=spell(verdict.next_step(here, findings)),
    )


def _run(module: str, area: str, here: Surroundings) -> list[Finding]:
    try:
        findings: list[Finding] = import_module(f"segnet_ros.doctor.{module}").check(here)
    # Drivers and bindings fail in ways of their own, some by ending the program.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        found = f"this check failed with {type(error).__name__}: {error}"
        return [Finding(area, "warning", found, "if nothing else explains it, please report it")]
    return findings


def _version() -> str:
    try:
        return version("segnet_ros")
    except PackageNotFoundError:
        return "source tree"
