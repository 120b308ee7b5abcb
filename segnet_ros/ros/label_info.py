# SPDX-License-Identifier: Apache-2.0
"""What the ids in a label image mean, as vision_msgs/LabelInfo."""

from typing import Any

from std_msgs.msg import Header

from segnet_ros.inference.taxonomy import Taxonomy


def label_info_type() -> type | None:
    """`vision_msgs.msg.LabelInfo`; None where that package, which PyPI lacks, is not installed."""
    try:
        from vision_msgs.msg import LabelInfo
    except ImportError:
        return None
    return LabelInfo  # type: ignore[no-any-return]


def label_info(kind: type, taxonomy: Taxonomy, threshold: float, header: Header) -> Any:
    """Name the published ids.

    255 is not among them: vision_msgs defines it as unlabelled, and Nav2's semantic segmentation
    layer would report it as a class that its parameters lack.

    Args:
        kind: What `label_info_type` gave.
        taxonomy: Whose classes are published.
        threshold: Labels with a lower confidence, 0..1, are published as unlabelled.
        header: Stamp and frame_id of the message.

    Returns:
        A LabelInfo with the classes in the order of their ids.

    """
    from vision_msgs.msg import VisionClass

    classes = [
        VisionClass(class_id=index, class_name=item.name)
        for index, item in enumerate(taxonomy.classes)
    ]
    return kind(header=header, class_map=classes, threshold=threshold)
