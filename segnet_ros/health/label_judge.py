# SPDX-License-Identifier: Apache-2.0
"""Whether labels are plausible: usual classes, a certain network, somewhere to drive."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from segnet_ros.health.health_report import HealthReport, Problem
from segnet_ros.health.label_look import LabelLook
from segnet_ros.health.looks import Pace
from segnet_ros.inference.model import UNLABELLED, SegmentationClass

_Shares = npt.NDArray[np.float64]

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


class LabelJudge:
    """Judges one camera's looks in the order of their time; `LabelHealth` says by which rules.

    Values of the problems: drift, distance 0..1; collapse, confidence lost 0..1; no drivable area,
    seconds.

    Args:
        classes: Of the published ids, in order.
        free: Ids where the robot may drive; if empty, drivable area is not looked for.

    Attributes:
        pace: When to look.
        report: Of the newest look.

    """

    def __init__(self, classes: Sequence[SegmentationClass], free: frozenset[int]) -> None:
        self.pace = Pace()
        self.report = HealthReport()
        self._names = [each.name for each in classes]
        self._free = sorted(free)
        self._looks: deque[_Seen] = deque(maxlen=_RECENT_LOOKS)
        self._count = 0
        self._usual_shares: _Shares = np.zeros(256)
        self._usual_confidence = 0.0
        self._area_seen = 0.0

    def judge(self, look: LabelLook) -> None:
        """Take the next look into account."""
        self.pace.note(look.time)
        shares = look.shares
        seen = _Seen(look.time, shares, look.confidence, float(shares[self._free].sum()))
        if not self._looks or seen.area >= _LEAST_AREA:
            self._area_seen = seen.time
        self._looks.append(seen)
        self._learn(seen)
        self.report = self._report(seen)

    def _learn(self, seen: "_Seen") -> None:
        self._count = min(self._count + 1, _USUAL_LOOKS)
        self._usual_shares = self._usual_shares + (seen.shares - self._usual_shares) / self._count
        self._usual_confidence += (seen.confidence - self._usual_confidence) / self._count

    def _report(self, seen: "_Seen") -> HealthReport:
        shares = np.mean([each.shares for each in self._looks], axis=0)
        confidence = float(np.mean([each.confidence for each in self._looks]))
        drift = float(np.abs(shares - self._usual_shares).sum()) / 2
        problems = self._no_area(seen)
        if self._count >= _ENOUGH_LOOKS and drift >= _DRIFT:
            problems.append(self._drifted(seen, shares, drift))
        if self._count >= _ENOUGH_LOOKS and confidence <= self._usual_confidence - _CONFIDENCE_LOSS:
            problems.append(self._collapsed(seen, confidence))
        values = self._values(seen, confidence, drift)
        return HealthReport(tuple(problems), MappingProxyType(values))

    def _values(self, seen: "_Seen", confidence: float, drift: float) -> dict[str, str]:
        values = {
            "confidence": f"{confidence:.2f}",
            "usual confidence": f"{self._usual_confidence:.2f}",
            "histogram drift [%]": f"{100 * drift:.0f}",
            "unlabelled [%]": f"{100 * seen.shares[UNLABELLED]:.1f}",
        }
        return values | ({"drivable area [%]": f"{100 * seen.area:.1f}"} if self._free else {})

    def _no_area(self, seen: "_Seen") -> list[Problem]:
        newest = list(self._looks)[-_NO_AREA_LOOKS:]
        if not self._free or len(newest) < _NO_AREA_LOOKS:
            return []
        if any(each.area >= _LEAST_AREA for each in newest):
            return []
        seconds = seen.time - self._area_seen
        names = ", ".join(map(self._name, self._free))
        text = (
            f"no drivable area for {seconds:.0f} s ({names}: {100 * seen.area:.1f} % of the "
            "picture); check what stands before the camera, the picture and the camera's mounting"
        )
        kind = "no drivable area"
        return [Problem(kind, self._since(kind, newest[0].time), seconds, text)]

    def _drifted(self, seen: "_Seen", shares: _Shares, drift: float) -> Problem:
        change = shares - self._usual_shares
        named = ", ".join(
            f"{self._name(place)} {100 * self._usual_shares[place]:.0f} % -> "
            f"{100 * shares[place]:.0f} %"
            for place in (int(change.argmin()), int(change.argmax()))
        )
        kind = "class histogram drift"
        text = f"class histogram drifted: {named}; check the picture and the camera's mounting"
        return Problem(kind, self._since(kind, seen.time), drift, text)

    def _collapsed(self, seen: "_Seen", confidence: float) -> Problem:
        kind = "confidence collapse"
        text = (
            f"confidence collapsed: {self._usual_confidence:.2f} -> {confidence:.2f}; check the "
            "picture, the camera's mounting and whether the model fits the scene"
        )
        loss = self._usual_confidence - confidence
        return Problem(kind, self._since(kind, seen.time), loss, text)

    def _since(self, kind: str, first: float) -> float:
        """When a problem began, if it was there before; otherwise `first`."""
        known = (each.since for each in self.report.problems if each.kind == kind)
        return next(known, first)

    def _name(self, place: int) -> str:
        if place == UNLABELLED:
            return "unlabelled"
        return self._names[place] if place < len(self._names) else f"class {place}"


@dataclass(frozen=True)
class _Seen:
    time: float
    shares: _Shares
    confidence: float
    area: float
