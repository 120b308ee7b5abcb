# SPDX-License-Identifier: Apache-2.0
"""A process that measures one case after another, so that none can spoil the others.

A CUDA error may leave a process without a usable GPU, a library may crash, and a compilation may
never end: then this process ends, and the next case gets a new one.
"""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from cases import Case
from results import Result

Measure = Callable[[Case], Mapping[str, Any]]
_SECONDS_TO_END = 5.0
# After such an error every further call of the process may fail.
_GPU_TROUBLE = "CUDA"


class Worker:
    """Runs cases in another process, which is started when the first one comes.

    Args:
        measure: Called there; a function of a module, since it travels by name, or a partial of it.

    """

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def run(self, case: Case, seconds: float) -> Result:
        """Measure a case; whatever goes wrong is in the result."""
        start = time.monotonic()
        values, error = self._ask(case, seconds)
        return Result(case, time.monotonic() - start, values, error)

    def close(self) -> None:
        """End the process, and what it has started."""
        if self._process is None or self._connection is None:
            return
        self._connection.close()
        self._process.join(_SECONDS_TO_END)
        self._kill()

    def _ask(self, case: Case, seconds: float) -> tuple[Mapping[str, Any], str]:
        connection = self._started()
        try:
            connection.send(case)
            if not connection.poll(seconds):
                self._kill()
                return {}, f"no answer within {seconds:.0f} s"
            values, error = connection.recv()
        except (EOFError, OSError):
            return {}, f"the measuring process ended: {self._last_words()}"
        if _GPU_TROUBLE in error:
            self.close()
        return values, error

    def _started(self) -> Connection:
        if self._connection is None:
            self._connection, theirs = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(theirs, self._measure))
            self._process.start()
            theirs.close()
        return self._connection

    def _last_words(self) -> str:
        process = self._process
        assert process is not None
        process.join(_SECONDS_TO_END)
        self._kill()
        code = process.exitcode
        return signal.Signals(-code).name if code and code < 0 else f"exit code {code}"

    def _kill(self) -> None:
        process = self._process
        assert process is not None
        assert process.pid is not None
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()
        self._process = self._connection = None


def _serve(connection: Connection, measure: Measure) -> None:
    """Answer cases until the other end is closed."""
    os.setpgid(0, 0)  # a group of its own, so that its compilers can be ended with it
    while True:
        try:
            case = connection.recv()
        except EOFError:
            return
        try:
            answer: tuple[Mapping[str, Any], str] = (measure(case), "")
        except Exception as error:  # noqa: BLE001  # whatever it is belongs into the results
            answer = ({}, _in_one_line(error))
        connection.send(answer)


def _in_one_line(error: Exception) -> str:
    lines = str(error).split("\n")
    return f"{type(error).__name__}: {' '.join(line.strip() for line in lines if line.strip())}"
