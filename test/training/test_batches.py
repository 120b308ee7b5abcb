# SPDX-License-Identifier: Apache-2.0

import os
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from segnet_ros.datasets.camvid import CAMVID
from segnet_ros.datasets.frames import LabelledFrame
from segnet_ros.training.batches import BatchPlan, default_workers, load_batches
from segnet_ros.training.errors import TrainingError
from segnet_ros.training.training_frames import TrainingFrames
from segnet_ros.training.transforms import Augmentation

CPU = torch.device("cpu")


@pytest.fixture
def dataset(tmp_path: Path) -> TrainingFrames:
    """Five noisy 8x6 frames; the label of frame k is k."""
    frames = []
    for number in range(5):
        image, label = tmp_path / f"a_{number}.png", tmp_path / f"a_{number}_label.png"
        noise = np.random.default_rng(number).integers(0, 255, (6, 8, 3), np.uint8)
        cv2.imwrite(str(image), noise)
        cv2.imwrite(str(label), np.full((6, 8), number, np.uint8))
        frames.append(LabelledFrame(image, label, "a", CAMVID))
    return TrainingFrames(frames, Augmentation(crop=(8, 6), scale=(1.0, 1.5)), seed=0)


def indices(plan: BatchPlan, epoch: int) -> list[list[int]]:
    return [[index for _, index in batch] for batch in plan.epoch(epoch)]


def test_every_frame_comes_once_per_epoch() -> None:
    plan = BatchPlan(frames=7, batch_size=3, seed=0)
    assert plan.steps == 3
    for epoch in range(3):
        batches = indices(plan, epoch)
        assert [len(batch) for batch in batches] == [3, 3, 1]
        assert sorted(chain(*batches)) == list(range(7))


def test_order_depends_on_seed_and_epoch_alone() -> None:
    plan = BatchPlan(frames=20, batch_size=20, seed=5)
    orders = {tuple(indices(plan, epoch)[0]) for epoch in range(4)}
    assert len(orders) == 4
    assert tuple(indices(BatchPlan(20, 20, 6), 0)[0]) not in orders
    assert indices(BatchPlan(20, 20, 5), 3) == indices(plan, 3)


def test_keys_hold_their_epoch() -> None:
    plan = BatchPlan(frames=4, batch_size=2, seed=0)
    assert {epoch for batch in plan.epoch(7) for epoch, _ in batch} == {7}
    assert list(plan.epochs(range(2, 5))) == plan.epoch(2) + plan.epoch(3) + plan.epoch(4)


def test_processes_share_the_batches_of_a_single_one() -> None:
    whole = BatchPlan(frames=11, batch_size=4, seed=0)
    shares = [BatchPlan(11, 4, 0, process, 3) for process in range(3)]
    assert [share.steps for share in shares] == [3, 3, 3]
    for together, *parts in zip(whole.epoch(2), *(share.epoch(2) for share in shares), strict=True):
        assert sorted(chain(*parts)) == sorted(together)
        assert min(map(len, parts)) >= 1


def test_rest_that_cannot_be_shared_is_left_out() -> None:
    plan = BatchPlan(frames=9, batch_size=4, seed=0, process=1, processes=2)
    assert plan.steps == 2
    assert [len(batch) for batch in plan.epoch(0)] == [2, 2]


@pytest.mark.parametrize(("frames", "batch_size"), [(9, 1), (1, 4)])
def test_too_many_processes_are_refused(frames: int, batch_size: int) -> None:
    message = f"2 processes cannot share batches of {batch_size} from {frames} frames; start fewer"
    with pytest.raises(TrainingError, match=message):
        BatchPlan(frames, batch_size, seed=0, processes=2)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_planned_items_whoever_prepares_them(
    dataset: TrainingFrames, workers: int
) -> None:
    plan = [[(0, 3), (0, 1)], [(4, 3)], [(0, 0), (1, 0)]]
    loaded = list(load_batches(dataset, plan, CPU, workers))
    for keys, (images, labels) in zip(plan, loaded, strict=True):
        assert images.dtype == labels.dtype == torch.uint8
        for key, image, label in zip(keys, images, labels, strict=True):
            assert np.array_equal(image.numpy(), dataset[key][0])
            assert label.unique().tolist() == [key[1]]


def test_workers_come_out_of_a_process_whose_opencv_has_threads(dataset: TrainingFrames) -> None:
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((512, 512, 3), np.uint8), (0, 0), 3.0)  # starts them
    assert len(list(load_batches(dataset, [[(0, 0)]], CPU, workers=1))) == 1
    assert cv2.getNumThreads() == 2


def test_one_worker_is_ahead_of_a_network_on_the_cpu() -> None:
    assert default_workers(CPU) == 1


@pytest.mark.parametrize(
    ("cores", "processes", "workers"),
    [(64, "1", 8), (6, "1", 5), (16, "4", 3), (1, "1", 1), (2, "4", 1)],
)
def test_a_gpu_gets_the_cores_that_its_process_does_not_need(
    monkeypatch: pytest.MonkeyPatch, cores: int, processes: str, workers: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    assert default_workers(torch.device("cuda")) == workers
