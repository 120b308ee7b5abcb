# SPDX-License-Identifier: Apache-2.0
"""The frames that a model segments best and worst."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segnet_ros.datasets.frames import LabelledFrame, read_frame
from segnet_ros.evaluation.evaluate import FrameScore
from segnet_ros.evaluation.pictures import jpeg_uri
from segnet_ros.evaluation.predictor import Predictor
from segnet_ros.inference.visualization import blend, color_table, colorize

WORST = 5
BEST = 3
_ALPHA = 0.6


@dataclass(frozen=True)
class Example:
    """One frame in pictures.

    Attributes:
        score: Of this frame.
        image: The camera's picture, a data URI.
        truth: The picture under the colours of its labels; void is black.
        predicted: The picture under the colours of the model's labels.

    """

    score: FrameScore
    image: str
    truth: str
    predicted: str


@dataclass(frozen=True)
class Showcase:
    """Examples, by the mean IoU of their frame alone: best first, worst first."""

    best: list[Example]
    worst: list[Example]


def make_showcase(
    predictor: Predictor, frames: Sequence[LabelledFrame], scores: Sequence[FrameScore]
) -> Showcase:
    """Segment the worst frames again and, of the others, the best ones.

    Args:
        predictor: What the scores are of.
        frames: As they were scored.
        scores: Of each frame, in the same order.

    Raises:
        DatasetError: a file cannot be read.

    """
    pairs = zip(frames, scores, strict=True)
    ranked = sorted(
        (pair for pair in pairs if not math.isnan(pair[1].miou)), key=lambda pair: pair[1].miou
    )
    worst, best = ranked[:WORST], ranked[WORST:][-BEST:][::-1]
    return Showcase(
        best=[_example(predictor, frame, score) for frame, score in best],
        worst=[_example(predictor, frame, score) for frame, score in worst],
    )


def _example(predictor: Predictor, frame: LabelledFrame, score: FrameScore) -> Example:
    image, truth = read_frame(frame)
    colors = color_table(predictor.model.classes)
    predicted = predictor.segment(image).labels
    return Example(
        score=score,
        image=jpeg_uri(image),
        truth=jpeg_uri(blend(image, colorize(truth, colors), _ALPHA)),
        predicted=jpeg_uri(blend(image, colorize(predicted, colors), _ALPHA)),
    )
