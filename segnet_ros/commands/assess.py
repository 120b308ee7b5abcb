# SPDX-License-Identifier: Apache-2.0
"""From a scored model to what the pages of `segnet evaluate` and `segnet compare` show."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from segnet_ros.datasets.frames import LabelledFrame, read_frame
from segnet_ros.evaluation.assessed import Assessed
from segnet_ros.evaluation.cost import Cost
from segnet_ros.evaluation.evaluate import Evaluation
from segnet_ros.evaluation.predictor import Predictor
from segnet_ros.evaluation.showcase import make_showcase
from segnet_ros.inference.segmenter import Segmenter


class ReportError(RuntimeError):
    """The page cannot be made."""


def require_report() -> None:
    """Find out before a long evaluation, not after it, that its page cannot be made.

    Raises:
        ReportError: a library is missing.

    """
    try:
        import_module("segnet_ros.evaluation.report")
    except ModuleNotFoundError as error:
        msg = (
            f"an HTML page needs the Python package {error.name}, which is not installed; "
            "run `pip install 'segnet_ros[report]'`"
        )
        raise ReportError(msg) from error


def write_assessed(path: Path, title: str, model: Assessed) -> None:
    """Write the page of one model; see `require_report`."""
    from segnet_ros.evaluation.report import write_page

    write_page(path, title, [model])


def assess(
    model: str, predictor: Predictor, evaluation: Evaluation, frames: Sequence[LabelledFrame]
) -> Assessed:
    """Add pictures, size and cost to the scores.

    Args:
        model: As the user named it.
        predictor: The same model, loaded.
        evaluation: Its scores.
        frames: As they were scored.

    Raises:
        DatasetError: a frame cannot be read any more.

    """
    # Weights know no size: they run at that of the frames.
    height, width = read_frame(frames[0])[1].shape
    return Assessed(
        evaluation=evaluation,
        classes=predictor.model.classes,
        showcase=make_showcase(predictor, frames, evaluation.per_frame),
        file_bytes=_file(model, predictor).stat().st_size,
        cost=_cost(model, predictor, (width, height)),
    )


def _file(model: str, predictor: Predictor) -> Path:
    if isinstance(predictor, Segmenter):
        return predictor.model.graph
    return Path(model).expanduser()


def _cost(model: str, predictor: Predictor, size: tuple[int, int]) -> Cost | None:
    try:
        from segnet_ros.training.cost import measure, measure_architecture
        from segnet_ros.training.models import ARCHITECTURES
        from segnet_ros.training.trained import load_trained
    except ModuleNotFoundError:
        return None
    if not isinstance(predictor, Segmenter):
        return measure(load_trained(_file(model, predictor)).network, size)
    described = predictor.model
    if described.architecture not in ARCHITECTURES:
        return None
    return measure_architecture(described.architecture, len(described.classes), described.size)
