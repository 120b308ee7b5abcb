# SPDX-License-Identifier: Apache-2.0
"""The audit of dependencies never passes where nobody has looked."""

import importlib.util
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "audit.py"
Entry = dict[str, Any]


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    lines = ["# a comment", "six==1.17.0", "numpy==2.2.5 ; python_version < '3.11'", "numpy==2.4.6"]
    (tmp_path / "lock.txt").write_text("\n".join(lines))
    return tmp_path / "lock.txt"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], Entry]], list[list[str]]]:
    """Lets a function answer for pip-audit; gives the requests."""
    requests: list[list[str]] = []

    def install(answer: Callable[[str], Entry]) -> list[list[str]]:
        def run(command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
            pins = Path(command[-1]).read_text().split()
            requests.append(pins)
            text = json.dumps({"dependencies": [answer(pin) for pin in pins]})
            return subprocess.CompletedProcess(command, 0, text, "")

        monkeypatch.setattr(subprocess, "run", run)
        return requests

    return install


def known(pin: str, *vulnerabilities: str) -> Entry:
    name, _, version = pin.partition("==")
    found = [{"id": each, "fix_versions": ["9.9"]} for each in vulnerabilities]
    return {"name": name, "version": version, "vulns": found}


def honest(audit: ModuleType, **vulnerable: str) -> Callable[[str], Entry]:
    def answer(pin: str) -> Entry:
        found = ["OLD-1"] if pin == audit.CANARY else vulnerable.get(pin.partition("==")[0], "")
        return known(pin, *([found] if isinstance(found, str) and found else found))

    return answer


def test_clean(audit: ModuleType, lock: Path, service: Any) -> None:
    requests = service(honest(audit))
    assert audit.audit([lock]) == (0, "3 releases audited: no known vulnerability")
    assert requests == [[audit.CANARY], ["numpy==2.2.5", "six==1.17.0"], ["numpy==2.4.6"]]


def test_vulnerable(audit: ModuleType, lock: Path, service: Any) -> None:
    service(honest(audit, six="CVE-1"))
    status, text = audit.audit([lock])
    assert status == 1
    assert text == "VULNERABLE:\nsix 1.17.0: CVE-1, fixed in 9.9"


def test_a_service_that_knows_nothing_is_not_believed(
    audit: ModuleType, lock: Path, service: Any
) -> None:
    service(known)
    status, text = audit.audit([lock])
    assert status == 3
    assert text.startswith("NOT AUDITED: the service does not know that jinja2==2.4 is vulnerable")


def test_what_is_skipped_is_named(audit: ModuleType, lock: Path, service: Any) -> None:
    def answer(pin: str) -> Entry:
        skipped = {"name": "six", "skip_reason": "not found"}
        return skipped if pin.startswith("six") else honest(audit)(pin)

    service(answer)
    status, text = audit.audit([lock])
    assert (status, text) == (3, "2 releases audited; NOT AUDITED, as unknown: six")


@pytest.mark.parametrize(("output", "error"), [("", "no route\nto host"), ("[]", ""), ("{}", "x")])
def test_no_answer_is_no_audit(
    audit: ModuleType, lock: Path, monkeypatch: pytest.MonkeyPatch, output: str, error: str
) -> None:
    done = subprocess.CompletedProcess((), 1, output, error)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    status, text = audit.audit([lock])
    assert status == 3
    assert text.startswith("NOT AUDITED: pip-audit failed (")
    assert "\n" not in text
