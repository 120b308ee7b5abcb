# SPDX-License-Identifier: Apache-2.0
"""Two processes against one; the processes run this file as a script."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.training import device
from segnet_ros.training import train as training
from segnet_ros.training.batch_norm import with_recomputed_statistics
from segnet_ros.training.distributed import (
    from_main,
    is_main,
    mean_over_processes,
    process_group,
    processes,
    rank,
    sum_over_processes,
)
from segnet_ros.training.models import ARCHITECTURES
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.recipe import Recipe
from segnet_ros.training.train import train
from segnet_ros.training.training_state import TrainingState
from segnet_ros.training.training_step import take_step
from segnet_ros.training.transforms import Augmentation

CPU = torch.device("cpu")
STORED_VOID = 11


class StoppedError(Exception):
    pass


def without_batch_norm(classes: int) -> nn.Module:
    """On CPUs batch statistics are of each process's share; all else must be equal."""
    network = SegNetLight(classes, widths=(6, 8), depths=(1, 1))
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.Identity())
    return network


def recipe(loss_normalization: str) -> Recipe:
    """Two epochs of two steps."""
    return Recipe(
        architecture="without_batch_norm",
        epochs=2,
        batch_size=4,
        optimizer="sgd",
        learning_rate=0.05,
        warmup_epochs=0,
        loss_normalization=loss_normalization,  # type: ignore[arg-type]
        inner_weight=0.5,
        average_decay=0.5,
        augmentation=Augmentation(crop=(24, 16), scale=(0.8, 1.25)),
    )


def frames(folder: Path) -> list[LabelledFrame]:
    """Six frames of very different numbers of labelled pixels."""
    found = []
    for number in range(6):
        image, label = folder / f"a_{number}.png", folder / f"a_{number}_label.png"
        found.append(LabelledFrame(image, label, "a", CAMVID))
    return found


def write_frames(folder: Path) -> None:
    for number, frame in enumerate(frames(folder)):
        rng = np.random.default_rng(number)
        cv2.imwrite(str(frame.image_path), rng.integers(0, 255, (20, 30, 3), np.uint8))
        labels = rng.integers(0, 4, (20, 30), np.uint8)
        labels[: 3 * number] = STORED_VOID
        cv2.imwrite(str(frame.label_path), labels)


def prepare() -> None:
    torch.set_num_threads(1)
    ARCHITECTURES["without_batch_norm"] = without_batch_norm
    training.SECONDS_BETWEEN_CHECKPOINTS = 0.0
    # Shares of a sum, each rounded to bfloat16, are not the sum rounded once.
    device.cpu_has_bfloat16 = lambda: False


def stopping_at(number: int) -> Callable[..., Tensor]:
    def step(state: TrainingState, *batch: Tensor) -> Tensor:
        if state.step == number:
            raise StoppedError
        return take_step(state, *batch)

    return step


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(3, 2, 4, 5, generator=generator) for _ in range(4)]


def norm() -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(2))


def one_of_two(folder: Path) -> None:
    """What each process does; only the first one's folder is seen by both."""
    prepare()
    data, own = folder / "data", folder / f"process_{rank()}"
    with process_group(CPU):
        for normalization in ("valid_pixels", "weights"):
            train(recipe(normalization), frames(data), frames(data)[:3], own / normalization)
        with mock.patch.object(training, "take_step", stopping_at(3)), suppress(StoppedError):
            train(recipe("weights"), frames(data), [], own / "resumed")
        train(recipe("weights"), frames(data), [], own / "resumed", workers=0)
        check_exchanges(folder)


def check_exchanges(folder: Path) -> None:
    mine = torch.tensor([1.0 + rank(), 10.0])
    shared = with_recomputed_statistics(norm(), batches()[rank() :: 2])
    results = {
        "sum": sum_over_processes(mine),
        "mean": mean_over_processes(mine),
        "from_main": torch.tensor([from_main(lambda: 5 + rank())]),
        "failures": torch.tensor([fails("broken here"), 0]),
        **{name: tensor.clone() for name, tensor in shared.state_dict().items()},
    }
    save_file(results, folder / f"results_{rank()}.safetensors")


def fails(message: str) -> int:
    """Whether the main process's error is everybody's."""

    def broken() -> None:
        assert is_main()
        raise ValueError(message)

    try:
        from_main(broken)
    except ValueError as error:
        return int(str(error) == message)
    return 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left behind, with their printed text in `printed_N`."""
    folder = tmp_path_factory.mktemp("distributed")
    (folder / "data").mkdir()
    write_frames(folder / "data")
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env=os.environ | meeting | {"RANK": str(number), "LOCAL_WORLD_SIZE": "2"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for number, process in enumerate(started):
        printed, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
        (folder / f"printed_{number}").write_text(printed, encoding="utf-8")
    return folder


@pytest.fixture
def _prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "without_batch_norm", without_batch_norm)
    monkeypatch.setattr(device, "cpu_has_bfloat16", lambda: False)


def log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("_prepared")
@pytest.mark.parametrize("normalization", ["valid_pixels", "weights"])
def test_two_processes_learn_what_one_does(
    folder: Path, tmp_path: Path, normalization: str
) -> None:
    data = frames(folder / "data")
    alone = train(recipe(normalization), data, data[:3], tmp_path, workers=0)
    together = folder / "process_0" / normalization
    for one, two in zip(log(tmp_path), log(together), strict=True):
        for fact in one.keys() - {"images_per_second", "iou"}:
            assert two[fact] == pytest.approx(one[fact], rel=1e-5), fact
    theirs = load_file(together / "weights.safetensors")
    for name, tensor in load_file(alone).items():
        assert torch.allclose(tensor, theirs[name], rtol=1e-5, atol=1e-7), name


def test_two_stopped_processes_go_on_bit_for_bit(folder: Path) -> None:
    resumed, whole = (folder / "process_0" / name for name in ("resumed", "weights"))
    assert [entry["loss"] for entry in log(resumed)] == [entry["loss"] for entry in log(whole)]
    one, two = (load_file(path / "weights.safetensors") for path in (resumed, whole))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_only_the_first_process_writes_and_prints(folder: Path) -> None:
    assert not (folder / "process_1").exists()
    assert "epoch 2: loss" in (folder / "printed_0").read_text()
    assert (folder / "printed_1").read_text().strip() == ""


def test_exchanges_reach_every_process(folder: Path) -> None:
    for number in range(2):
        results = load_file(folder / f"results_{number}.safetensors")
        assert results["sum"].tolist() == [3.0, 20.0]
        assert results["mean"].tolist() == [1.5, 10.0]
        assert results["from_main"].tolist() == [5]
        assert results["failures"].tolist() == [1, 0]


def test_statistics_are_those_of_all_shares(folder: Path) -> None:
    alone = with_recomputed_statistics(norm(), batches()).state_dict()
    for number in range(2):
        results = load_file(folder / f"results_{number}.safetensors")
        for name in ("0.running_mean", "0.running_var"):
            assert torch.allclose(results[name], alone[name]), name


def test_alone_there_is_nothing_to_exchange() -> None:
    tensor = torch.tensor([2.0])
    with process_group(CPU):
        assert not dist.is_initialized()
        assert (processes(), rank(), is_main()) == (1, 0, True)
        assert mean_over_processes(tensor) is tensor
        assert sum_over_processes(tensor) is tensor
        assert from_main(lambda: "made") == "made"


if __name__ == "__main__":
    one_of_two(Path(sys.argv[1]))
