# SPDX-License-Identifier: Apache-2.0
"""Whether a picture is fit to be segmented: not frozen, black, overexposed or blurred."""

from collections import deque
from collections.abc import Sequence
from types import MappingProxyType

from segnet_ros.health.health_report import HealthReport, Problem
from segnet_ros.health.image_look import DARK, ImageLook
from segnet_ros.health.looks import Pace

# A problem must show in nine looks in a row, which take 4 s: longer than two groups of pictures of
# an H.264 camera, which may repeat a still scene bit for bit, and than automatic exposure needs at
# the mouth of a tunnel.
_LOOKS = 9
_BLACK_SHARE = 0.99
# CamVid's worst picture, into the sun, has 34 %.
_OVEREXPOSED_SHARE = 0.5
# Pictures of CamVid have a sharpness of 17..63, rendered ones 15..28, both 13 upwards when
# enlarged twice; defocus with a sigma of 1/210 of the width leaves 4..8, of 1/160 3..6.
_UNSHARP = 8.0
_NEVER_SHARP = 5.0
_USUAL_SHARE = 0.5
_USUAL_LOOKS = 120
_ENOUGH_LOOKS = 20


class ImageJudge:
    """Judges one camera's looks in the order of their time; `ImageHealth` says by which rules.

    Values of the problems: frozen, seconds; black and overexposed, share of the pixels 0..1;
    blurred, sharpness.

    Attributes:
        pace: When to look.
        report: Of the newest look.

    """

    def __init__(self) -> None:
        self.pace = Pace()
        self.report = HealthReport()
        self._looks: deque[ImageLook] = deque(maxlen=_LOOKS)
        self._same_since = 0.0
        self._usual = _Usual()

    def judge(self, look: ImageLook) -> None:
        """Take the next look into account."""
        self.pace.note(look.time)
        if not self._looks or look.digest != self._looks[-1].digest:
            self._same_since = look.time
        self._looks.append(look)
        if look.sharpness is not None and not self._is_blurred(look):
            self._usual.add(look.sharpness)
        self.report = HealthReport(self._problems(look), MappingProxyType(self._values(look)))

    def _problems(self, look: ImageLook) -> Sequence[Problem]:
        if len(self._looks) < _LOOKS:
            return ()
        if all(each.dark >= _BLACK_SHARE for each in self._looks):
            return (self._black(look),)
        if all(each.saturated >= _OVEREXPOSED_SHARE for each in self._looks):
            return (self._overexposed(look),)
        return (*self._frozen(look), *self._blurred(look))

    def _black(self, look: ImageLook) -> Problem:
        text = (
            f"black: {100 * look.dark:.0f} % of the pixels are darker than {DARK} of 255; "
            "check lens cap, exposure and cable"
        )
        return Problem("black", self._since("black"), look.dark, text)

    def _overexposed(self, look: ImageLook) -> Problem:
        text = (
            f"overexposed: {100 * look.saturated:.0f} % of the picture is saturated; "
            "check exposure and gain"
        )
        return Problem("overexposed", self._since("overexposed"), look.saturated, text)

    def _frozen(self, look: ImageLook) -> Sequence[Problem]:
        if any(each.digest != look.digest for each in self._looks):
            return ()
        seconds = look.time - self._same_since
        text = (
            f"frozen: the same picture for {seconds:.0f} s although frames arrive, without even "
            "noise; check the camera and its driver (a simulated scene at rest looks the same)"
        )
        return (Problem("frozen", self._same_since, seconds, text),)

    def _blurred(self, look: ImageLook) -> Sequence[Problem]:
        if look.sharpness is None or not all(map(self._is_blurred, self._looks)):
            return ()
        usual = f", usually {self._usual.value:.0f}" if self._usual.known else ""
        text = (
            f"blurred (sharpness {look.sharpness:.1f}{usual}); check focus, and the lens for "
            "water and dirt"
        )
        since = self._since("blurred")
        return (Problem("blurred", since, look.sharpness, text, lower_is_worse=True),)

    def _since(self, kind: str) -> float:
        """When a problem began that shows in all looks."""
        known = (each.since for each in self.report.problems if each.kind == kind)
        return next(known, self._looks[0].time)

    def _is_blurred(self, look: ImageLook) -> bool:
        if look.sharpness is None:
            return False
        bound = min(_UNSHARP, _USUAL_SHARE * self._usual.value) if self._usual.known else 0.0
        return look.sharpness < max(_NEVER_SHARP, bound)

    def _values(self, look: ImageLook) -> dict[str, str]:
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
