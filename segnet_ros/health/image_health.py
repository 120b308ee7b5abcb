# SPDX-License-Identifier: Apache-2.0
"""Whether a live camera's picture is fit: not frozen, black, overexposed or blurred."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from segnet_ros.health.image_judge import ImageJudge
from segnet_ros.health.image_look import look_at_image

Pixels = npt.NDArray[np.uint8]


class ImageHealth:
    """Watches one camera. `look` may run in another thread than everything else.

    What can be known from pictures alone, and what cannot:

    - Frozen: the same picture for 4 s although frames arrive. The noise of a sensor changes every
      frame, so a real camera repeats itself only if its driver does; a simulator whose robot
      stands still does so rightly. A picture that is black or overexposed is not called frozen:
      its noise may be clipped.
    - Black: 99 % of the pixels are darker than 24 of 255. A street at night has lamps.
    - Overexposed: half of the picture is white in all three channels.
    - Blurred: details of 1/320 of the width carry little contrast beside those of 1/40, both
      across and down, so that motion blur, which has a direction, does not count. The measure
      does not depend on contrast or brightness, and is not taken where there is hardly any
      contrast: whether a featureless wall is sharp cannot be known. A camera counts as blurred
      below half of its own usual sharpness, if that is also less than sharp pictures have, or
      from the start where hardly any detail is left. Noise passes for detail: a blurred picture
      with strong noise goes unnoticed.
    """

    def __init__(self) -> None:
        self._judge = ImageJudge()

    def look(self, image: Pixels, now: float) -> None:
        """Judge a picture, if the last one judged is half a second old; otherwise do nothing.

        Args:
            image: uint8 [H, W, 3] RGB, of any size.
            now: Seconds of a steady clock.

        """
        judge = self._judge
        if judge.pace.is_due(now):
            judge.judge(look_at_image(image, now))

    def reset(self) -> None:
        """Forget everything, the usual sharpness too."""
        # A look under way in another thread ends in the old object, which nobody reads.
        self._judge = ImageJudge()

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong, in words with figures and what to check; empty if nothing is."""
        return self._judge.report.in_words

    @property
    def values(self) -> Mapping[str, str]:
        """Newest measurements: brightness 0..255, shares in %, sharpness; empty before them."""
        return self._judge.report.values
