# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from encodings_of_cameras import ENCODINGS, coloured, label

from segnet_ros.messages.image_conversion import ImageConversionError, to_rgb


@pytest.mark.parametrize("channel", range(3))
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_pixel_has_the_label_told(encoding: str, channel: int) -> None:
    picture = to_rgb(coloured(encoding, (16, 12), channel))
    assert picture.shape == (12, 16, 3)
    assert (picture == picture[0, 0]).all()
    assert picture[0, 0].argmax() == label(encoding, channel)
    # Brighter by far, but where there are no colours.
    ordered = np.sort(picture[0, 0].astype(int))
    assert (ordered[2] - ordered[1] > 100) == (encoding not in ("mono8", "mono16", "8UC1"))


def test_they_are_all_that_the_node_reads_itself() -> None:
    with pytest.raises(ImageConversionError) as error:
        to_rgb(coloured("nonsense", (16, 12), 0))
    listed = str(error.value).partition("expected one of ")[2].partition(";")[0]
    assert sorted(listed.split(", ")) == sorted(ENCODINGS)


@pytest.mark.parametrize(("encoding", "size"), [("rgb8", (7, 5)), ("bayer_rggb8", (7, 5))])
def test_odd_sizes(encoding: str, size: tuple[int, int]) -> None:
    assert to_rgb(coloured(encoding, size, 2)).shape == (size[1], size[0], 3)
