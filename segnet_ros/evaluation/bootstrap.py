# SPDX-License-Identifier: Apache-2.0
"""How far the scores would move with another draw of as many frames."""

import numpy as np
import numpy.typing as npt

from segnet_ros.evaluation.metrics import MEASURES, Tally, class_scores, measures, tally

RESAMPLES = 1000
_TAILS = (2.5, 97.5)
_SEED = 0


def intervals(
    confusions: npt.NDArray[np.int64], bf: npt.NDArray[np.float64]
) -> dict[str, tuple[float, float]]:
    """95 % intervals by the percentile bootstrap over frames; the same for the same frames.

    Frames are drawn independently, which those of a video are not: neighbours show the same scene,
    so the intervals are too narrow for what another drive would give. Resampling whole sequences
    would cure that, but the data sets at hand have two or three.

    Args:
        confusions: int64 [frames, classes, classes + 1], of `confusion_matrix`; frames without a
            labelled pixel are left out.
        bf: float64 [frames], boundary measure of every frame, NaN where it has none.

    Returns:
        Low and high for each of `MEASURES` and for `bf`; NaN where a measure has no value.

    """
    labelled = confusions.any(axis=(1, 2))
    weights = _draws(int(labelled.sum()))
    drawn = _drawn_tallies(weights, confusions[labelled])
    samples = np.column_stack([measures(drawn), _drawn_means(weights, bf[labelled])])
    pairs = (_percentiles(column) for column in samples.T)
    return dict(zip((*MEASURES, "bf"), pairs, strict=True))


def class_intervals(confusions: npt.NDArray[np.int64]) -> list[tuple[float, float]]:
    """Low and high of every class's IoU, as `intervals`; NaN for a class that never occurs."""
    labelled = confusions[confusions.any(axis=(1, 2))]
    iou, _ = class_scores(_drawn_tallies(_draws(len(labelled)), labelled))
    return [_percentiles(column) for column in iou.T]


def _draws(frames: int) -> npt.NDArray[np.float64]:
    """How often each frame is in each resample, [RESAMPLES, frames]."""
    generator = np.random.default_rng(_SEED)
    return generator.multinomial(frames, np.full(frames, 1 / frames), RESAMPLES).astype(np.float64)


def _drawn_tallies(weights: npt.NDArray[np.float64], confusions: npt.NDArray[np.int64]) -> Tally:
    return Tally(*(weights @ counts for counts in tally(confusions)))


def _drawn_means(
    weights: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(weights[:, known] @ values[known] / weights[:, known].sum(axis=1))


def _percentiles(samples: npt.NDArray[np.float64]) -> tuple[float, float]:
    known = samples[~np.isnan(samples)]
    low, high = np.percentile(known, _TAILS) if known.size else (np.nan, np.nan)
    return float(low), float(high)
