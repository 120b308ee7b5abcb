# SPDX-License-Identifier: Apache-2.0

import sys
from types import ModuleType

import pytest

from segnet_ros.doctor import doctor
from segnet_ros.doctor.doctor import Diagnosis, diagnose
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.surroundings import Surroundings


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch):
    """Replaces the checks by functions."""

    def replace_by(**functions) -> None:
        names = {name: name.upper() for name in functions}
        monkeypatch.setattr(doctor, "_CHECKS", names)
        monkeypatch.setattr(
            doctor.verdict, "runtime", lambda findings: Finding("runtime", "ok", "well")
        )
        for name, function in functions.items():
            module = ModuleType(name)
            module.check = function  # type: ignore[attr-defined]
            monkeypatch.setitem(sys.modules, f"segnet_ros.doctor.{name}", module)

    return replace_by


def well(here: Surroundings) -> list[Finding]:
    return [Finding("one", "ok", "well"), Finding("one", "note", "so")]


def raising(error: BaseException):
    def check(here: Surroundings) -> list[Finding]:
        raise error

    return check


def test_findings_come_in_order_with_the_verdict_last(checks, machine) -> None:
    checks(one=well, two=lambda here: [])
    seen: list[str] = []
    diagnosis = diagnose(machine(), seen.append)
    expected = [*well(machine()), Finding("runtime", "ok", "well")]
    assert (diagnosis.findings, seen) == (expected, ["ONE", "TWO"])
    assert diagnosis.next_step.endswith(
        "node --ros-args -r image:=/camera/image_raw -p autostart:=true`"
    )


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (RuntimeError("boom"), "this check failed with RuntimeError: boom"),
        (SystemExit(3), "this check failed with SystemExit: 3"),
    ],
)
def test_a_check_that_fails_hides_no_other(
    checks, machine, error: BaseException, found: str
) -> None:
    checks(broken=raising(error), one=well)
    findings = diagnose(machine(), str).findings
    remedy = "if nothing else explains it, please report it"
    assert findings[0] == Finding("BROKEN", "warning", found, remedy)
    assert findings[1] == Finding("one", "ok", "well")


def test_a_check_that_cannot_be_imported_hides_no_other(checks, machine, monkeypatch) -> None:
    checks(one=well)
    monkeypatch.setattr(doctor, "_CHECKS", {"no_such_check": "none", "one": "one"})
    findings = diagnose(machine(), str).findings
    assert findings[0].found.startswith("this check failed with ModuleNotFoundError: ")
    assert findings[1].found == "well"


def test_ctrl_c_ends_the_doctor(checks, machine) -> None:
    checks(broken=raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        diagnose(machine(), str)


@pytest.mark.parametrize(
    ("level", "can_run"), [("ok", True), ("note", True), ("warning", True), ("error", False)]
)
def test_only_errors_stop_the_node(level, can_run: bool) -> None:
    diagnosis = Diagnosis("1", [Finding("a", level, "x", "y")], "z")
    assert diagnosis.as_dict() == {
        "version": "1",
        "findings": [{"area": "a", "level": level, "found": "x", "remedy": "y"}],
        "next_step": "z",
        "can_run": can_run,
    }
