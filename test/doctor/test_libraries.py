# SPDX-License-Identifier: Apache-2.0

import os

import pytest

from segnet_ros.doctor import libraries
from segnet_ros.doctor.libraries import Attempt, attempt, is_installed, version_of


def test_code_runs_elsewhere_and_its_output_comes_back() -> None:
    assert attempt("import os; print(os.getpid())").output != str(os.getpid())
    assert attempt("print('first'); print('second')") == Attempt(output="first\nsecond")


def test_code_gets_the_environment_given() -> None:
    environment = {**os.environ, "COLOUR": "blue"}
    assert attempt("import os; print(os.environ['COLOUR'])", environment).output == "blue"


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("import os; os.abort()", "the process ended with SIGABRT"),
        ("import sys; sys.exit(3)", "exit code 3"),
        ("import sys; print('why\\n', file=sys.stderr); sys.exit(102)", "why"),
    ],
)
def test_failures_are_told_in_words(code: str, failure: str) -> None:
    assert attempt(code) == Attempt(failure=failure)


def test_code_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_SECONDS", 0.2)
    assert attempt("import time; time.sleep(60)").failure == "no answer within 0 s"


def test_only_modules_that_exist_are_installed(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "merely_a_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert is_installed("json")
    assert is_installed("importlib.metadata")
    assert not is_installed("no_such_package")
    assert not is_installed("no_such_package.below")
    assert not is_installed("merely_a_folder")


def test_version_comes_from_the_distribution_else_from_the_module() -> None:
    assert version_of("numpy", "numpy").startswith(("1.", "2."))
    assert version_of("no-such-distribution", "json") == "present"
    assert version_of("no-such-distribution", "no_such_package") == ""
