# SPDX-License-Identifier: Apache-2.0
"""What is to be written of a recording's labels, and to which topics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.image_topics import camera_names, choose_image_topics
from segnet_ros.bags.labels.label_messages import OUTPUTS, output_topics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from segnet_ros.bags.recorded import Topic
    from segnet_ros.bags.recording import Recording

DEFAULT_OUTPUTS = ("label", "confidence", "overlay")


@dataclass(frozen=True)
class LabelOptions:
    """What is wanted. Can be pickled.

    Attributes:
        topics: Image topics; none for the only one.
        all_images: Whether every image topic is wanted.
        outputs: Some of `OUTPUTS`; none for `DEFAULT_OUTPUTS`, and the uncertainty of models that
            tell it.
        network_size: Whether maps keep the network's size instead of the camera's.
        alpha: Share of the class colours in the overlay, 0..1.
        keep_original: Whether the messages of the recording are copied.

    """

    topics: tuple[str, ...] = ()
    all_images: bool = False
    outputs: tuple[str, ...] = ()
    network_size: bool = False
    alpha: float = 0.5
    keep_original: bool = False

    def chosen_outputs(self, model: str, bayesian: bool) -> list[str]:
        """What is written of each frame, in the order of `OUTPUTS`.

        Args:
            model: Its name, for errors.
            bayesian: Whether it tells its uncertainty.

        Raises:
            BagError: uncertainty is wanted of a model that does not tell it.

        """
        wanted = set(self.outputs or DEFAULT_OUTPUTS)
        if "uncertainty" in wanted and not bayesian:
            msg = (
                f"{model} does not tell its uncertainty; expected a Bayesian model. Leave "
                "uncertainty out of --outputs, or choose such a model"
            )
            raise BagError(msg)
        if bayesian and not self.outputs:
            wanted.add("uncertainty")
        return [name for name in OUTPUTS if name in wanted]

    def facts(self) -> dict[str, Any]:
        """What shapes the written messages, as JSON can hold it."""
        return {
            "label_size": "network" if self.network_size else "camera",
            "overlay_alpha": self.alpha,
            "keep_original": self.keep_original,
        }


@dataclass(frozen=True)
class LabelPlan:
    """Topics of one recording and of its labels.

    Attributes:
        cameras: Their names by image topic.
        topics: All that are written: first those of the recording that are copied.

    """

    cameras: Mapping[str, str]
    topics: Sequence[Topic]


def plan_labels(recording: Recording, options: LabelOptions, outputs: Sequence[str]) -> LabelPlan:
    """Decide on the topics.

    Args:
        recording: Open.
        options: What is wanted.
        outputs: From `LabelOptions.chosen_outputs`.

    Raises:
        BagError: the image topics are not clear, or the recording has a topic of a name that is
            to be written.

    """
    chosen = choose_image_topics(
        recording.topics, options.topics, options.all_images, recording.location
    )
    cameras = camera_names(chosen)
    written = output_topics(list(cameras.values()), outputs)
    kept = list(recording.topics.values()) if options.keep_original else []
    _refuse_taken({topic.name for topic in kept}, written, recording.location)
    return LabelPlan(cameras, [*kept, *written])


def _refuse_taken(kept: set[str], written: Sequence[Topic], bag: str) -> None:
    if taken := [topic.name for topic in written if topic.name in kept]:
        msg = (
            f"{bag} has {', '.join(taken)} itself, which labels are to be written to; it seems to "
            "be labelled already. Label the recording it was made from, or leave out "
            "--keep-original"
        )
        raise BagError(msg)
