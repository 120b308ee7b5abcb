# SPDX-License-Identifier: Apache-2.0
"""Building an engine in a process of its own.

TensorRT's memory returns to the system, a crash in it takes nobody along, and every version's
builds can be ended at once.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from segnet_ros.inference.engine.cache import EngineCache
from segnet_ros.inference.engine.gpu import find_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.options import EngineOptions
from segnet_ros.inference.engine.progress import BuildProgress
from segnet_ros.inference.engine.supply import obtain_engine
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import load_model

# Where the child shall import this package from, whatever the working folder holds.
_ROOT = Path(__file__).resolve().parents[3]
_HEARTBEAT = 0.5
_GRACE = 2.0
_SHOWN = 300


def build_in_child(model_folder: Path, options: EngineOptions) -> None:
    """See to it that a model's engine is in the cache.

    Args:
        model_folder: With model.yaml.
        options: What engine; `build` is taken for granted. `progress` is called in this thread, at
            least twice per second; what it raises ends the build and is raised here.

    Raises:
        InferenceError: the build failed, or its process crashed.

    """
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(  # noqa: S603  # a list, no shell
            _command(model_folder, options), cwd=_ROOT, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        ) as child,
    ):  # fmt: skip
        try:
            failure = _relay(child, model_folder.name, options)
            _check_end(child.wait(), failure, errors)
        except BaseException:
            _end(child)
            with suppress(InferenceError, OSError):
                EngineCache(options.cache).remove_leftovers()
            raise


def _command(model_folder: Path, options: EngineOptions) -> list[str]:
    command = [sys.executable, "-m", __name__, str(model_folder.absolute())]
    command += [options.precision, str(options.batch)]
    # Resolved here: the child has another working folder.
    return [*command, str(options.cache.expanduser().absolute())] if options.cache else command


def _relay(child: subprocess.Popen[bytes], model: str, options: EngineOptions) -> str:
    """Pass on the child's progress until it ends; returns what it says that went wrong."""
    started = time.monotonic()
    now = BuildProgress(model, options.precision, "no usable engine", "start", None, 0.0)
    for message in _messages(child):
        if "error" in message:
            return str(message["error"])
        now = BuildProgress(**message) if message else now
        options.progress(replace(now, elapsed=time.monotonic() - started))
    return ""


def _messages(child: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """What the child says; something empty while it says nothing."""
    assert child.stdout
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_lines, args=(child.stdout, lines), daemon=True).start()
    yield {}
    while True:
        try:
            line = lines.get(timeout=_HEARTBEAT)
        except queue.Empty:
            yield {}
            continue
        if not line.endswith(b"\n"):  # the end, perhaps in the middle of a line
            return
        yield json.loads(line)


def _read_lines(stream: IO[bytes], lines: "queue.SimpleQueue[bytes]") -> None:
    for line in stream:
        lines.put(line)
    lines.put(b"")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _check_end(status: int, failure: str, errors: IO[bytes]) -> None:
    if status:
        raise InferenceError(failure or _crash(status, errors))


def _crash(status: int, errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    if -status == signal.SIGKILL:
        return (
            "the process that builds the engine was ended by SIGKILL, as the system does when "
            "memory runs out; end other programs, or add swap space"
        )
    how = f"crashed with {_signal_name(-status)}" if status < 0 else f"failed with status {status}"
    return (
        f"the process that builds the engine {how} ({last[:_SHOWN]}); `segnet doctor` says what "
        "this machine lacks"
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _main(model_folder: str, precision: str, batch: str, cache: str | None = None) -> int:
    channel = _take_stdout()
    threading.Thread(target=_end_with_parent, daemon=True).start()

    def tell(message: dict[str, Any]) -> None:
        print(json.dumps(message), file=channel, flush=True)

    options = EngineOptions(
        precision=precision,
        batch=int(batch),
        cache=Path(cache) if cache else None,
        build=True,
        progress=lambda progress: tell(asdict(progress)),
    )
    try:
        model = load_model(Path(model_folder))
        obtain_engine(model, options, find_tensorrt(), find_gpu(), find_jetson())
    except InferenceError as error:
        tell({"error": str(error)})
        return 1
    return 0


def _take_stdout() -> IO[str]:
    """The channel to the parent; what libraries print goes elsewhere."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _end_with_parent() -> None:
    # The pipe's other end closes when the parent ends, however that happens.
    os.read(0, 1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
