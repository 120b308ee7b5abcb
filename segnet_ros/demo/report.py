# SPDX-License-Identifier: Apache-2.0
"""The demo's figures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.demo.errors import DemoError
from segnet_ros.demo.recording import labels
from segnet_ros.evaluation.metrics import confusion_matrix, scores
from segnet_ros.inference.picture_files import PictureError, read_picture


@dataclass(frozen=True)
class Report:
    """What went in and what came out.

    Attributes:
        frames_in: Images that the replay published.
        frames_out: Label images that the recorder received.
        lost_in_transport: Images that were published and never reached the node.
        superseded: Images that a newer one replaced before their turn.
        stale: Images that were too old when their turn came.
        failed: Images that could not be segmented.
        latency_ms: p50 and p95 from the image's stamp to the arrival of its label at the recorder;
            None without labels.
        fps: Labels per second between the first and the last.
        miou: Against the clip's labels, 0..1; None where it has none.
        model: Name of the model.
        runtime: What ran it.

    """

    frames_in: int
    frames_out: int
    lost_in_transport: int
    superseded: int
    stale: int
    failed: int
    latency_ms: dict[str, float] | None
    fps: float
    miou: float | None
    model: str
    runtime: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def make_report(
    stamps_ns: Sequence[int],
    arrivals_ns: Mapping[int, int],
    diagnostics: Mapping[str, str],
    miou: float | None,
) -> Report:
    """Put the figures together.

    Args:
        stamps_ns: Of the images published, in order.
        arrivals_ns: Stamp to time of arrival of every label received.
        diagnostics: The node's last report.
        miou: From `score`.

    """
    books = {
        fate: int(diagnostics.get(f"frames {fate}", 0))
        for fate in ("received", "superseded", "stale", "failed")
    }
    return Report(
        frames_in=len(stamps_ns),
        frames_out=len(arrivals_ns),
        lost_in_transport=len(stamps_ns) - books.pop("received"),
        latency_ms=_latency_ms(arrivals_ns),
        fps=_rate(sorted(arrivals_ns.values())),
        miou=miou,
        model=diagnostics.get("model", ""),
        runtime=diagnostics.get("runtime", ""),
        **books,
    )


def score(recording: Path, truth: Mapping[int, Path], classes: int) -> float | None:
    """Mean intersection over union of the recorded labels.

    Args:
        recording: Bag of the recorder.
        truth: Stamp to label file, uint8 ids; ids of `classes` and above are void.
        classes: Number of classes.

    Returns:
        0..1, or None if no recorded label has a file.

    Raises:
        DemoError: a label file is no picture of one channel at the camera's size.

    """
    total = np.zeros((classes, classes + 1), np.int64)
    for stamp, predicted in labels(recording):
        if stamp in truth:
            expected = _read_labels(truth[stamp], predicted.shape)
            total += confusion_matrix(expected, predicted, classes)
    return scores(total).miou if total.any() else None


def _read_labels(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    try:
        labels = read_picture(path, cv2.IMREAD_UNCHANGED)
    except PictureError as error:
        raise DemoError(str(error)) from error
    if labels.shape != shape:
        msg = f"{path} is of shape {labels.shape}; expected one class id per pixel, {shape}"
        raise DemoError(msg)
    return np.asarray(labels, np.uint8)


def _latency_ms(arrivals_ns: Mapping[int, int]) -> dict[str, float] | None:
    if not arrivals_ns:
        return None
    latencies = [(arrival - stamp) * 1e-6 for stamp, arrival in arrivals_ns.items()]
    p50, p95 = np.percentile(latencies, (50, 95))
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def _rate(arrivals_ns: Sequence[int]) -> float:
    if len(arrivals_ns) < 2:
        return 0.0
    return round((len(arrivals_ns) - 1) / ((arrivals_ns[-1] - arrivals_ns[0]) * 1e-9), 2)
