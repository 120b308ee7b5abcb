# SPDX-License-Identifier: Apache-2.0
"""The `segnet` command: one verb per job. A verb imports only the rooms that it needs."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from threading import current_thread, main_thread
from typing import NamedTuple

from segnet_ros.commands.exhausted_memory import exhausted_memory

_INTERRUPTED = 130  # as shells have it


class _Verb(NamedTuple):
    module: str
    summary: str
    extra: str


_VERBS = {
    "node": _Verb("node", "run the ROS 2 node; takes --ros-args", "ros,cpu"),
    "run": _Verb("run", "segment images, folders, videos or bags without ROS", "cpu,bag"),
    "replay": _Verb("replay", "publish a bag, video or folder as camera topics", "ros,bag"),
    "pack-bag": _Verb("pack_bag", "pack images or a video into a rosbag2", "bag"),
    "label-bag": _Verb("label_bag", "label the camera frames of recordings", "cpu,bag"),
    "compare-bag": _Verb("compare_bag", "say where two models disagree", "cpu,bag,report"),
    "mine": _Verb("mine", "find the frames worth labelling", "cpu,bag"),
    "report-bag": _Verb("report_bag", "report a drive: classes, flicker, health", "cpu,bag,report"),
    "demo": _Verb("demo", "replay a clip through the node and report what came out", "ros,cpu,bag"),
    "render": _Verb("render", "render a street scene with exact labels", "cpu"),
    "train": _Verb("train", "train a network on labelled frames", "train"),
    "evaluate": _Verb("evaluate", "score a model on labelled frames", "cpu"),
    "compare": _Verb("compare", "score several models side by side", "train,cpu,report"),
    "export": _Verb("export", "turn trained weights into a model folder", "train,cpu"),
    "quantize": _Verb("quantize", "add an INT8 or FP8 graph to a model folder", "train,cpu"),
    "build-engine": _Verb("build_engine", "build, list or prune TensorRT engines", "cpu,gpu"),
    "taxonomy": _Verb("taxonomy", "check a taxonomy, write Nav2's costmap parameters", "cpu"),
    "doctor": _Verb("doctor", "say what is wrong with this machine, and what to do", "cpu"),
    "import-caffe": _Verb("import_caffe", "read weights of the SegNet authors", "train"),
}

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        arguments: Verb and options; by default those of the process.

    Returns:
        0 on success, 1 for a mistake, or exhausted memory, that the printed message explains, 130
        after Ctrl-C.

    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    verb = given[0] if given and given[0] in _VERBS else None
    parser = argparse.ArgumentParser(prog="segnet", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, item in _VERBS.items():
        command = verbs.add_parser(name, help=item.summary, description=item.summary)
        if name == verb:
            try:
                with _quiet_interrupt():
                    module = import_module(f"segnet_ros.commands.{item.module}")
                module.configure(command)
            except ModuleNotFoundError as error:
                return _explain_missing(name, item, error)
            except (ImportError, MemoryError) as error:
                return _explain_exhausted(name, error)
    options, rest = parser.parse_known_args(given)
    if rest and options.verb != "node":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return _run(options, rest)


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    """While libraries are imported, which make of a KeyboardInterrupt whatever they like."""
    before = signal.getsignal(signal.SIGINT)
    # Ignored, it stays so; threads may not set it.
    if before is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    options.rest = list(rest)
    try:
        code = int(options.command(options))
        sys.stdout.flush()  # a full disk is no surprise for the interpreter's end
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        message = _in_words(error)
        if not message:
            raise
        print(f"segnet {options.verb}: {message}", file=sys.stderr)
        _drop_output()
        return 1
    return code


def _drop_output() -> None:
    """What cannot be printed now would be an error once more at the interpreter's end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: Exception) -> str:
    """Empty for a defect, which keeps its traceback.

    Exhausted memory goes first: who meets it takes it for a damaged file or a missing library.
    """
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        return (
            f"standard output or a temporary file cannot be written ({error.strerror}); expected "
            "room. Make room, or set TMPDIR to another folder"
        )
    said = str(error) if _is_users_mistake(error) else ""
    return said if "memory" in said else exhausted_memory(error) or said


def _is_users_mistake(error: Exception) -> bool:
    """Our own exceptions say what to do, and the system's what it refused."""
    return type(error).__module__.startswith("segnet_ros.") or isinstance(error, OSError)


def _explain_exhausted(name: str, error: Exception) -> int:
    message = exhausted_memory(error)
    if not message:
        raise error
    print(f"segnet {name}: {message}", file=sys.stderr)
    return 1


def _explain_missing(name: str, verb: _Verb, error: ModuleNotFoundError) -> int:
    print(
        f"segnet {name}: the Python package {error.name} is not installed; "
        f"run `pip install 'segnet_ros[{verb.extra}]'`",
        file=sys.stderr,
    )
    return 1
