"""Is a camera's picture fit to be segmented: not frozen, black, overexposed or blurred?"""

import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
import numpy.typing as npt

from segnet_ros.health.health_report import HealthReport

Pixels = npt.NDArray[np.uint8]

_INTERVAL = 0.5
# A problem must show in nine looks in a row, which take 4 s: longer than two groups of pictures of
# an H.264 camera, which may repeat a still scene bit for bit, and than automatic exposure needs at
# the mouth of a tunnel.
_LOOKS = 9
_ROWS = 24
# Black as a limited-range signal shown in full range has it (16), and some noise.
_DARK = 24
_BLACK_SHARE = 0.99
_SATURATED = 250
# CamVid's worst picture, into the sun, has 34 %.
_OVEREXPOSED_SHARE = 0.5
# Pictures of CamVid have a sharpness of 17..63, rendered ones 15..28, both 13 upwards when
# enlarged twice; defocus with a sigma of 1/210 of the width leaves 4..8, of 1/160 3..6.
_UNSHARP = 8.0
_NEVER_SHARP = 5.0
_USUAL_SHARE = 0.5
_USUAL_LOOKS = 120
_ENOUGH_LOOKS = 20
# Mean square of differences; 5 grey levels between points a fortieth of the width apart.
_LEAST_CONTRAST = 25.0


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
        self._watch = _Watch()

    def look(self, image: Pixels, now: float) -> None:
        """Judge a picture, if the last one judged is half a second old; otherwise do nothing.

        Args:
            image: uint8 [H, W, 3] RGB, of any size.
            now: Seconds of a steady clock.
        """
        watch = self._watch
        if now >= watch.due:
            watch.look(image, now)

    def reset(self) -> None:
        """Forget everything, the usual sharpness too."""
        # A look under way in another thread ends in the old object, which nobody reads.
        self._watch = _Watch()

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong, in words with figures and what to check; empty if nothing is."""
        return self._watch.report.problems

    @property
    def values(self) -> Mapping[str, str]:
        """Newest measurements: brightness 0..255, shares in %, sharpness; empty before them."""
        return self._watch.report.values


@dataclass(frozen=True)
class _Look:
    time: float
    digest: int
    brightness: float
    dark: float
    saturated: float
    sharpness: float | None


class _Watch:
    def __init__(self) -> None:
        self.due = float("-inf")
        self.report = HealthReport()
        self._looks: deque[_Look] = deque(maxlen=_LOOKS)
        self._same_since = 0.0
        self._usual = _Usual()

    def look(self, image: Pixels, now: float) -> None:
        self.due = now + _INTERVAL
        look = _measure(image, now)
        if not self._looks or look.digest != self._looks[-1].digest:
            self._same_since = now
        self._looks.append(look)
        if look.sharpness is not None and not self._is_blurred(look):
            self._usual.add(look.sharpness)
        self.report = HealthReport(self._problems(look), MappingProxyType(self._values(look)))

    def _problems(self, look: _Look) -> Sequence[str]:
        if len(self._looks) < _LOOKS:
            return ()
        if all(each.dark >= _BLACK_SHARE for each in self._looks):
            return (
                f"black: {100 * look.dark:.0f} % of the pixels are darker than {_DARK} of 255; "
                "check lens cap, exposure and cable",
            )
        if all(each.saturated >= _OVEREXPOSED_SHARE for each in self._looks):
            return (
                f"overexposed: {100 * look.saturated:.0f} % of the picture is saturated; "
                "check exposure and gain",
            )
        return (*self._frozen(look), *self._blurred(look))

    def _frozen(self, look: _Look) -> Sequence[str]:
        if any(each.digest != look.digest for each in self._looks):
            return ()
        return (
            f"frozen: the same picture for {look.time - self._same_since:.0f} s although frames "
            "arrive, without even noise; check the camera and its driver (a simulated scene at "
            "rest looks the same)",
        )

    def _blurred(self, look: _Look) -> Sequence[str]:
        if look.sharpness is None or not all(map(self._is_blurred, self._looks)):
            return ()
        usual = f", usually {self._usual.value:.0f}" if self._usual.known else ""
        return (
            f"blurred (sharpness {look.sharpness:.1f}{usual}); check focus, and the lens for "
            "water and dirt",
        )

    def _is_blurred(self, look: _Look) -> bool:
        if look.sharpness is None:
            return False
        bound = min(_UNSHARP, _USUAL_SHARE * self._usual.value) if self._usual.known else 0.0
        return look.sharpness < max(_NEVER_SHARP, bound)

    def _values(self, look: _Look) -> dict[str, str]:
        unknown = "unknown"
        return {
            "brightness": f"{look.brightness:.0f}",
            "dark [%]": f"{100 * look.dark:.1f}",
            "saturated [%]": f"{100 * look.saturated:.1f}",
            "sharpness": unknown if look.sharpness is None else f"{look.sharpness:.1f}",
            "usual sharpness": f"{self._usual.value:.1f}" if self._usual.known else unknown,
        }


class _Usual:
    """A mean over the last minute or so."""

    def __init__(self) -> None:
        self.value = 0.0
        self._count = 0

    @property
    def known(self) -> bool:
        return self._count >= _ENOUGH_LOOKS

    def add(self, value: float) -> None:
        self._count = min(self._count + 1, _USUAL_LOOKS)
        self.value += (value - self.value) / self._count


def _measure(image: Pixels, now: float) -> _Look:
    # Whole rows, because their bytes lie side by side: columns would cost a cache miss a pixel.
    rows = np.ascontiguousarray(image[:: max(1, image.shape[0] // _ROWS)])
    pixels = rows.shape[0] * rows.shape[1]
    red, green, blue, _ = cv2.mean(rows)
    dark = cv2.countNonZero(cv2.inRange(rows, (0, 0, 0), (_DARK - 1,) * 3))
    saturated = cv2.countNonZero(cv2.inRange(rows, (_SATURATED,) * 3, (255, 255, 255)))
    return _Look(
        time=now,
        digest=zlib.crc32(rows.data),
        brightness=0.299 * red + 0.587 * green + 0.114 * blue,
        dark=dark / pixels,
        saturated=saturated / pixels,
        sharpness=_sharpness(image),
    )


def _sharpness(image: Pixels) -> float | None:
    """Contrast of fine details in % of that of coarse ones; None if there is hardly any contrast.

    An ideal edge gives 12, noise 100, a picture without details 1.6.
    """
    height, width = image.shape[:2]
    fine = max(1, round(width / 320))
    coarse = 8 * fine
    if min(height, width) <= 2 * coarse:
        return None
    step = max(1, (height - coarse) // _ROWS)
    here, below, far_below = (
        image[offset : height - coarse + offset : step, :, 1].astype(np.int16)
        for offset in (0, fine, coarse)
    )
    details = _energy(here[:, fine:] - here[:, :-fine]), _energy(below - here)
    contrast = _energy(here[:, coarse:] - here[:, :-coarse]), _energy(far_below - here)
    ways = zip(details, contrast, strict=True)
    return max((100 * a / b for a, b in ways if b >= _LEAST_CONTRAST), default=None)


def _energy(differences: npt.NDArray[np.int16]) -> float:
    return float(np.mean(np.square(differences, dtype=np.int32)))
