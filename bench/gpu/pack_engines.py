# SPDX-License-Identifier: Apache-2.0
"""Pack trained models and labelled frames for bench/gpu/measure_engines.py.

usage: python bench/gpu/pack_engines.py CAMVID PARCEL MODEL... [--frames 101] [--part-mib 32]

PARCEL/engine_data.part-1-of-N and so on hold CamVid's val frames, the models' engine graphs, and
what model.onnx answers to the frames, so that the GPU machine need not compute it. Graphs of other
sizes than the models' are made over there, with random weights: see random_models.py.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packed_data import read_images, write_frames, write_model
from parcel import MEBIBYTE, write_parcel

from segnet_ros.datasets.layouts import find_frames
from segnet_ros.inference.model import Model, load_model
from segnet_ros.training.acceptance import spread
from segnet_ros.training.graph_labels import Reference

NAME = "engine_data"


def gather(camvid: Path, models: Sequence[Model], count: int, folder: Path) -> None:
    """Write what `packed_data` reads: evenly chosen frames, and the models."""
    write_frames(spread(find_frames(camvid, "val"), count), folder)
    images = read_images(folder)
    for model in models:
        reference = Reference(model.graph)
        write_model(model, [reference.labels(image) for image in images], folder)


def main() -> None:
    """Pack, and say how large the parts are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("camvid", type=Path, help="CamVid's folder")
    parser.add_argument("parcel", type=Path, help="folder to write the parts into")
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="model folders")
    parser.add_argument("--frames", type=int, default=101, help="how many of CamVid's val frames")
    parser.add_argument("--part-mib", type=int, default=32, help="size of a part at most, MiB")
    options = parser.parse_args()
    models = [load_model(path) for path in options.models]
    with tempfile.TemporaryDirectory() as temporary:
        gather(options.camvid, models, options.frames, Path(temporary))
        parts = write_parcel(Path(temporary), options.parcel, NAME, options.part_mib * MEBIBYTE)
    for part in parts:
        print(f"{part.stat().st_size / MEBIBYTE:6.1f} MiB  {part}")


if __name__ == "__main__":
    main()
