"""Are the labels plausible: classes as usual, the network certain, somewhere to drive?"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from segnet_ros.health.health_report import HealthReport
from segnet_ros.inference.model import UNLABELLED, SegmentationClass

Pixels = npt.NDArray[np.uint8]
_Shares = npt.NDArray[np.float64]

_INTERVAL = 0.5
# The last 10 s, as a turn, a lorry or a short tunnel fills the picture for less.
_RECENT_LOOKS = 20
# Five minutes: what is new becomes usual in the end, so that a warning does not outlast the city.
_USUAL_LOOKS = 600
# Before half a minute nothing is usual.
_ENOUGH_LOOKS = 60
# Drives of CamVid come to 0.42, a jump from one drive into another to 0.44.
_DRIFT = 0.5
# Drives lose 0.05, such jumps 0.11; a camera upside down or on its side 0.2, a black picture 0.4.
_CONFIDENCE_LOSS = 0.15
_NO_AREA_LOOKS = 10
# Specks of drivable area are no drivable area. CamVid's emptiest picture has 9 % of road.
_LEAST_AREA = 0.01
_SAMPLED_ROWS = 90


class LabelHealth:
    """Watches the labels of one camera. `look` may run in another thread than everything else.

    The last 10 s are compared with the mean of the last 5 minutes, from half a minute after the
    start:

    - Drift: half of the picture or more shows other classes than usual. The measure is half the
      sum of the absolute differences of the classes' shares (total variation distance). One that
      stays is the usual after some minutes.
    - Confidence collapse: the mean confidence has fallen by 0.15.
    - No drivable area: classes that cost nothing fill less than 1 % of the picture for 5 s.

    Whether labels are right cannot be known from them: a mistake that was there from the start, or
    comes over many minutes, goes unnoticed, as do classes that change places in equal shares.

    Args:
        classes: Of the published ids, in order.
        free: Ids where the robot may drive; if empty, drivable area is not looked for.
    """

    def __init__(self, classes: Sequence[SegmentationClass], free: frozenset[int]) -> None:
        self._names = [each.name for each in classes]
        self._free = sorted(free)
        self._watch = _Watch(self._names, self._free)

    def look(self, labels: Pixels, confidence: Pixels, now: float) -> None:
        """Judge a label map, if the last one judged is half a second old; otherwise do nothing.

        Args:
            labels: Published ids, 255 = unlabelled, uint8 [H, W].
            confidence: uint8 [H, W], 255 = certain.
            now: Seconds of a steady clock.
        """
        watch = self._watch
        if now >= watch.due:
            watch.look(labels, confidence, now)

    def reset(self) -> None:
        """Forget what is usual: for another scene, model, taxonomy or threshold."""
        # A look under way in another thread ends in the old object, which nobody reads.
        self._watch = _Watch(self._names, self._free)

    @property
    def problems(self) -> Sequence[str]:
        """What is wrong, in words with figures and what to check; empty if nothing is."""
        return self._watch.report.problems

    @property
    def values(self) -> Mapping[str, str]:
        """Newest measurements: confidence 0..1, shares of the picture in %; empty before them."""
        return self._watch.report.values


@dataclass(frozen=True)
class _Look:
    time: float
    shares: _Shares
    confidence: float
    area: float


class _Watch:
    def __init__(self, names: Sequence[str], free: Sequence[int]) -> None:
        self.due = float("-inf")
        self.report = HealthReport()
        self._names = names
        self._free = free
        self._looks: deque[_Look] = deque(maxlen=_RECENT_LOOKS)
        self._count = 0
        self._usual_shares: _Shares = np.zeros(256)
        self._usual_confidence = 0.0
        self._area_seen = 0.0

    def look(self, labels: Pixels, confidence: Pixels, now: float) -> None:
        self.due = now + _INTERVAL
        step = max(1, labels.shape[0] // _SAMPLED_ROWS)
        sample = labels[::step, ::step]
        shares = np.bincount(sample.ravel(), minlength=256) / sample.size
        certainty = float(confidence[::step, ::step].mean()) / 255
        look = _Look(now, shares, certainty, float(shares[self._free].sum()))
        if not self._looks or look.area >= _LEAST_AREA:
            self._area_seen = now
        self._looks.append(look)
        self._learn(look)
        self.report = self._judge(look)

    def _learn(self, look: _Look) -> None:
        self._count = min(self._count + 1, _USUAL_LOOKS)
        self._usual_shares = self._usual_shares + (look.shares - self._usual_shares) / self._count
        self._usual_confidence += (look.confidence - self._usual_confidence) / self._count

    def _judge(self, look: _Look) -> HealthReport:
        shares = np.mean([each.shares for each in self._looks], axis=0)
        confidence = float(np.mean([each.confidence for each in self._looks]))
        drift = float(np.abs(shares - self._usual_shares).sum()) / 2
        problems = self._no_area(look)
        if self._count >= _ENOUGH_LOOKS and drift >= _DRIFT:
            problems.append(self._drifted(shares))
        if self._count >= _ENOUGH_LOOKS and confidence <= self._usual_confidence - _CONFIDENCE_LOSS:
            problems.append(self._collapsed(confidence))
        return HealthReport(
            tuple(problems), MappingProxyType(self._values(look, confidence, drift))
        )

    def _values(self, look: _Look, confidence: float, drift: float) -> dict[str, str]:
        values = {
            "confidence": f"{confidence:.2f}",
            "usual confidence": f"{self._usual_confidence:.2f}",
            "histogram drift [%]": f"{100 * drift:.0f}",
            "unlabelled [%]": f"{100 * look.shares[UNLABELLED]:.1f}",
        }
        return values | ({"drivable area [%]": f"{100 * look.area:.1f}"} if self._free else {})

    def _no_area(self, look: _Look) -> list[str]:
        newest = list(self._looks)[-_NO_AREA_LOOKS:]
        if not self._free or len(newest) < _NO_AREA_LOOKS:
            return []
        if any(each.area >= _LEAST_AREA for each in newest):
            return []
        names = ", ".join(map(self._name, self._free))
        return [
            f"no drivable area for {look.time - self._area_seen:.0f} s ({names}: "
            f"{100 * look.area:.1f} % of the picture); check what stands before the camera, the "
            "picture and the camera's mounting"
        ]

    def _drifted(self, shares: _Shares) -> str:
        change = shares - self._usual_shares
        named = ", ".join(
            f"{self._name(place)} {100 * self._usual_shares[place]:.0f} % -> "
            f"{100 * shares[place]:.0f} %"
            for place in (int(change.argmin()), int(change.argmax()))
        )
        return f"class histogram drifted: {named}; check the picture and the camera's mounting"

    def _collapsed(self, confidence: float) -> str:
        return (
            f"confidence collapsed: {self._usual_confidence:.2f} -> {confidence:.2f}; check the "
            "picture, the camera's mounting and whether the model fits the scene"
        )

    def _name(self, place: int) -> str:
        if place == UNLABELLED:
            return "unlabelled"
        return self._names[place] if place < len(self._names) else f"class {place}"
