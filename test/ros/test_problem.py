# SPDX-License-Identifier: Apache-2.0

from diagnostic_msgs.msg import DiagnosticStatus

from segnet_ros.ros.problem import errors, summary, warnings


def test_the_worst_is_told_first_and_nothing_is_hidden() -> None:
    problems = [*warnings(["w1", "", "w2"]), *errors(["", "e1", "e2"])]
    assert summary(problems, "fine") == (DiagnosticStatus.ERROR, "e1 | e2 | w1 | w2")
    assert summary(warnings(["w1"]), "fine") == (DiagnosticStatus.WARN, "w1")


def test_nothing_is_wrong() -> None:
    assert summary([*errors([""]), *warnings([])], "fine") == (DiagnosticStatus.OK, "fine")
