# SPDX-License-Identifier: Apache-2.0

import json
import math
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from segnet_ros.training.training_log import TrainingLog


def entry(epoch: int, loss: float = 1.5) -> dict[str, object]:
    return {"epoch": epoch, "loss": loss, "images_per_second": 7.25}


def written(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def tensorboard(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return events


def test_entries_become_lines_scalars_and_a_printed_summary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scored = entry(2, loss=0.25) | {"miou": 0.625, "iou": {"Sky": 0.5, "Car": math.nan}}
    with TrainingLog(tmp_path) as log:
        log.write(entry(1), {})
        log.write(scored, {})
    assert written(tmp_path)[0] == entry(1)
    assert written(tmp_path)[1]["miou"] == 0.625
    events = tensorboard(tmp_path)
    assert set(events.Tags()["scalars"]) == {
        "loss", "images_per_second", "miou", "iou/Sky", "iou/Car",
    }  # fmt: skip
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.5), (2, 0.25)]
    assert [(event.step, event.value) for event in events.Scalars("iou/Sky")] == [(2, 0.5)]
    printed = capsys.readouterr().out
    assert "epoch 1: loss 1.5000, 7.2 images/s" in printed
    assert "epoch 2: loss 0.2500, mIoU 62.5, 7.2 images/s" in printed


def test_pictures_come_to_tensorboard_as_they_are(tmp_path: Path) -> None:
    import cv2

    picture = np.random.default_rng(0).integers(0, 255, (6, 9, 3), np.uint8)
    with TrainingLog(tmp_path) as log:
        log.write(entry(3), {"a_1": picture})
    (event,) = tensorboard(tmp_path).Images("a_1")
    assert (event.step, event.width, event.height) == (3, 9, 6)
    encoded = np.frombuffer(event.encoded_image_string, np.uint8)
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert np.array_equal(decoded[..., ::-1], picture)


def test_nothing_is_written_before_the_first_entry(tmp_path: Path) -> None:
    with TrainingLog(tmp_path) as log:
        log.go_on_after(0)
        log.start_epoch("epoch 1/1", 2)
        log.advance(None)
        log.advance(0.5)
        log.say("a line")
    assert list(tmp_path.iterdir()) == []


def test_interrupted_epochs_are_forgotten(tmp_path: Path) -> None:
    with TrainingLog(tmp_path) as log:
        for epoch in (1, 2, 3):
            log.write(entry(epoch), {})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": 4, "lo')  # as a kill leaves it
    with TrainingLog(tmp_path) as log:
        log.go_on_after(2)
        log.write(entry(3, loss=9.0), {})
    assert [line["epoch"] for line in written(tmp_path)] == [1, 2, 3]
    assert written(tmp_path)[2]["loss"] == 9.0
    steps = [(event.step, event.value) for event in tensorboard(tmp_path).Scalars("loss")]
    assert steps == [(1, 1.5), (2, 1.5), (3, 9.0)]


def test_finished_log_is_not_touched(tmp_path: Path) -> None:
    with TrainingLog(tmp_path) as log:
        log.write(entry(1), {})
    before = (tmp_path / "log.jsonl").stat().st_mtime_ns
    with TrainingLog(tmp_path) as log:
        log.go_on_after(1)
    assert (tmp_path / "log.jsonl").stat().st_mtime_ns == before


def test_other_processes_are_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    with TrainingLog(tmp_path) as log:
        log.say("a line")
        log.start_epoch("epoch 1/1", 1)
        log.advance(0.5)
        log.write(entry(1), {})
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out.strip() == ""
