# SPDX-License-Identifier: Apache-2.0
"""The verb `segnet build-engine`."""

import argparse
from contextlib import closing
from pathlib import Path

from segnet_ros.commands.arguments import count
from segnet_ros.commands.engine_display import build_display
from segnet_ros.commands.engine_list import list_engines, prune_engines
from segnet_ros.inference.engine.gpu import find_gpu, why_no_gpu
from segnet_ros.inference.engine.jetson import find_jetson
from segnet_ros.inference.engine.options import DEFAULT_PRECISION, PRECISIONS, EngineOptions
from segnet_ros.inference.engine.supply import Engine, obtain_engine
from segnet_ros.inference.engine.tensorrt_api import find_tensorrt
from segnet_ros.inference.model import Model, load_model
from segnet_ros.inference.runtime import load_runtime
from segnet_ros.inference.shipped import find_model


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "model", nargs="?", default="segnet_light_camvid", help="folder, or shipped name"
    )
    parser.add_argument("--precision", choices=PRECISIONS, default=DEFAULT_PRECISION)
    parser.add_argument("--batch", type=count, default=1, help="frames per inference at most")
    parser.add_argument("--cache", type=Path, help="folder of engines; default: the user's cache")
    jobs = parser.add_mutually_exclusive_group()
    jobs.add_argument("--rebuild", action="store_true", help="build even if there is one")
    jobs.add_argument("--list", action="store_true", help="show every engine and its state")
    jobs.add_argument(
        "--prune", action="store_true", help="remove engines that this machine cannot use"
    )
    parser.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> int:
    if options.list:
        list_engines(options.cache, options.model)
    elif options.prune:
        prune_engines(options.cache, options.model)
    else:
        _build(load_model(find_model(options.model)), options)
    return 0


def _build(model: Model, options: argparse.Namespace) -> None:
    gpu = find_gpu()
    with build_display() as progress:
        wish = EngineOptions(
            options.precision, options.batch, options.cache, build=True, progress=progress
        )
        engine = obtain_engine(model, wish, find_tensorrt(), gpu, find_jetson(), options.rebuild)
    _print(engine)
    if gpu:
        _run_once(model, wish)
    else:
        print(
            f"There is no GPU to run it here ({why_no_gpu()}): it was neither run nor compared "
            "with the golden frames, and a machine with a GPU builds its own."
        )


def _print(engine: Engine) -> None:
    facts, fingerprint = engine.facts, engine.fingerprint
    print(f"{engine.path} ({facts['size'] / 1e6:.1f} MB)")
    print(
        f"{facts['layers']}; {facts['built']}, built by {fingerprint.flavour} "
        f"{fingerprint.version} in {facts['seconds']:.1f} s"
    )


def _run_once(model: Model, wish: EngineOptions) -> None:
    """Load it as the node would, which compares it with the golden frames."""
    with closing(load_runtime(model, "tensorrt", wish)) as runtime:
        engine = runtime.engine
        assert engine
        print(f"{runtime.description}: {engine.agreement:.2%} of the golden frames' labels agree")
