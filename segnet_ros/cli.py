# SPDX-License-Identifier: Apache-2.0
"""The `segnet` command: one verb per job. A verb imports only the rooms that it needs."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple


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
        0 on success, 1 for a mistake that the printed message explains, 130 after Ctrl-C.

    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    verb = given[0] if given and given[0] in _VERBS else None
    parser = argparse.ArgumentParser(prog="segnet", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, item in _VERBS.items():
        command = verbs.add_parser(name, help=item.summary, description=item.summary)
        if name == verb:
            try:
                import_module(f"segnet_ros.commands.{item.module}").configure(command)
            except ModuleNotFoundError as error:
                return _explain_missing(name, item, error)
    options, rest = parser.parse_known_args(given)
    if rest and options.verb != "node":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return _run(options, rest)


def _run(options: argparse.Namespace, rest: Sequence[str]) -> int:
    options.rest = list(rest)
    try:
        return int(options.command(options))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not _is_users_mistake(error):
            raise
        print(f"segnet {options.verb}: {error}", file=sys.stderr)
        return 1


def _is_users_mistake(error: Exception) -> bool:
    """Our own exceptions say what to do; anything else is a defect and keeps its traceback."""
    return type(error).__module__.startswith("segnet_ros.") or isinstance(error, OSError)


def _explain_missing(name: str, verb: _Verb, error: ModuleNotFoundError) -> int:
    print(
        f"segnet {name}: the Python package {error.name} is not installed; "
        f"run `pip install 'segnet_ros[{verb.extra}]'`",
        file=sys.stderr,
    )
    return 1
