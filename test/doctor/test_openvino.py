# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.doctor import openvino
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.libraries import Attempt


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch):
    def answer(given: Attempt) -> None:
        monkeypatch.setattr(openvino, "is_installed", lambda module: True)
        monkeypatch.setattr(openvino, "attempt", lambda code, environment: given)

    return answer


def test_missing(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "is_installed", lambda module: False)
    found = "not installed, so the CPU runs no model"
    expected = [Finding("OpenVINO", "warning", found, "`pip install openvino`")]
    assert openvino.check(machine()) == expected


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("2026.4.1 bfloat16", "2026.4.1, computes in bfloat16"),
        (
            "a plugin's greeting\n2024.4.0 float32",
            "2024.4.0, computes in float32: this processor has no fast bfloat16",
        ),
    ],
)
def test_precision_of_the_processor(machine, answering, output: str, found: str) -> None:
    answering(Attempt(output=output))
    assert openvino.check(machine()) == [Finding("OpenVINO", "ok", found)]


def test_crash(machine, answering) -> None:
    answering(Attempt(failure="the process ended with SIGILL"))
    found = "does not work: the process ended with SIGILL"
    remedy = "`pip install --force-reinstall openvino`"
    assert openvino.check(machine()) == [Finding("OpenVINO", "warning", found, remedy)]
