# SPDX-License-Identifier: Apache-2.0
"""The verbs of `segnet`, each in a process of its own, hundreds of them in a minute.

    with VerbServer() as verbs:
        answer = verbs.run(["render", "out", "--frames", "3"], kill_after=0.2)

A process that has imported everything forks once per verb: starting Python anew would take four
seconds, in which every second kill -9 would fall. What is forked is a process like any other: it
runs `segnet_ros.cli.main` and ends as the interpreter ends.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

HUNG = 1000
"""Exit code of a verb that did not end in time, and was killed for it."""

_ROOT = Path(__file__).resolve().parents[1]
_LONGEST = 120.0
_ORPHANS_END = 20.0
# None starts a thread when it is imported, as OpenVINO and ONNX Runtime do: a fork would lose it.
_MODULES = (
    "segnet_ros.cli",
    *(
        f"segnet_ros.commands.{verb}"
        for verb in (
            "build_engine", "compare_bag", "evaluate", "label_bag", "mine", "pack_bag", "render",
            "report_bag", "run", "taxonomy", "train",
        )
    ),
    "segnet_ros.evaluation.drive_page", "segnet_ros.evaluation.agreement_page",
    "segnet_ros.training.torch_segmenter", "segnet_ros.training.cpu_graph",
    "segnet_ros.training.tracing", "onnx", "torch.onnx", "torch.utils.tensorboard",
    "torch._dynamo",
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """How a verb ended.

    Attributes:
        code: Exit code; negative for a signal, `HUNG` for none.
        output: Of standard output.
        errors: Of standard error.
        seconds: That it took.
        orphans: Processes that it left, and that did not end by themselves within seconds.

    """

    code: int
    output: str
    errors: str
    seconds: float
    orphans: int


class VerbServer:
    """To be used in a `with` block.

    Args:
        prefix: Command that starts the server's Python, such as one that enters a namespace.

    """

    def __init__(self, prefix: Sequence[str] = ()) -> None:
        command = [*prefix, sys.executable, "-u", __file__]
        environment = os.environ | {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        if self._read() != "ready":
            msg = f"{' '.join(prefix)} starts no server of verbs"
            raise RuntimeError(msg)

    @property
    def pid(self) -> int:
        """Of the server."""
        return self._server.pid

    def run(
        self,
        arguments: Sequence[str | Path],
        kill_after: float | None = None,
        memory: int | None = None,
    ) -> Answer:
        """Run a verb to its end.

        Args:
            arguments: Of the command `segnet`.
            kill_after: Seconds until it is killed with SIGKILL.
            memory: Bytes of address space that it gets beyond those of the server.

        """
        wish = {
            "arguments": [str(argument) for argument in arguments],
            "kill_after": kill_after,
            "memory": memory,
        }
        assert self._server.stdin
        self._server.stdin.write(json.dumps(wish) + "\n")
        self._server.stdin.flush()
        return Answer(**self._read())

    def close(self) -> None:
        """End the server."""
        self._server.communicate("")

    def __enter__(self) -> VerbServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> Any:
        assert self._server.stdout
        return json.loads(self._server.stdout.readline() or "null")


def _serve() -> None:
    for name in _MODULES:
        with suppress(ModuleNotFoundError):  # the verb that needs it will say so
            import_module(name)
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a module started a thread"
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not belong into the channel
    print(json.dumps("ready"), file=channel, flush=True)
    for line in sys.stdin:
        wish = json.loads(line)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            child = os.fork()
            if not child:
                channel.detach()
                _be_verb(wish, output.fileno(), errors.fileno())
            answer = _wait(child, wish["kill_after"])
            answer |= {"output": _text(output), "errors": _text(errors)}
        print(json.dumps(answer), file=channel, flush=True)


def _be_verb(wish: dict[str, Any], output: int, errors: int) -> NoReturn:
    os.setsid()  # whom it leaves behind is found by the session
    with open(os.devnull) as nothing:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    if wish["memory"] is not None:
        most = _address_space() + wish["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    from segnet_ros.cli import main

    sys.exit(main(wish["arguments"]))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def _wait(child: int, kill_after: float | None) -> dict[str, Any]:
    start = time.monotonic()
    ended = os.pidfd_open(child)
    hung = False
    if not select.select([ended], [], [], _LONGEST if kill_after is None else kill_after)[0]:
        hung = kill_after is None
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(ended)
    seconds = time.monotonic() - start
    return {"code": HUNG if hung else code, "seconds": seconds, "orphans": _end_orphans(child)}


def _end_orphans(session: int) -> int:
    """Wait for what a process left; end what does not end by itself, and count it."""
    limit = time.monotonic() + _ORPHANS_END
    while (left := _of_session(session)) and time.monotonic() < limit:
        time.sleep(0.01)
    for process in left:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(left)


def _of_session(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, _, its_session = (
                (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:4]
            )
            if int(its_session) == session and state != "Z":
                found.append(int(entry.name))
    return found


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


if __name__ == "__main__":
    _serve()
