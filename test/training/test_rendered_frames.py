# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from segnet_ros.simulation.drive import StreetDrive
from segnet_ros.training.errors import ExportError
from segnet_ros.training.rendered_frames import rendered_frames


def test_eight_frames_of_four_streets() -> None:
    frames = rendered_frames((64, 48))
    assert len(frames) == 8
    assert len({frame.image.tobytes() for frame in frames}) == 8
    for frame in frames:
        assert frame.image.shape == (48, 64, 3)
        assert frame.labels.shape == (48, 64)
        assert len(np.unique(frame.labels)) > 3
    image, labels = StreetDrive(2, (64, 48)).frame(20)
    assert np.array_equal(frames[2].image, image)
    assert np.array_equal(frames[2].labels, labels)


def test_too_small_size_is_refused() -> None:
    with pytest.raises(ExportError, match="size is 32x24 pixels; expected at least 64x48"):
        rendered_frames((32, 24))
