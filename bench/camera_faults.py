# SPDX-License-Identifier: Apache-2.0
"""What cameras do to a node: they die, change, multiply, and ask for what does not fit."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from changing_camera_process import ChangingCamera
from encodings_of_cameras import ENCODINGS
from fault import Fault
from fault_site import NS_PER_S, Site, site
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

_UNKNOWN_ENCODING = "x420"
_SIZES = ((1, 1), (2, 1), (7, 5), (641, 479), (1919, 1079), (3840, 2160), (640, 480))
_TEN = tuple(f"camera{number}" for number in range(10))
_TEN_RATE = 5.0
_SPELL_SECONDS = 2.0


def camera_killed(folder: Path, times: int) -> Fault:
    """The only camera dies and is started again."""
    fault = Fault("camera killed (-9), started again", "none")
    with site(folder) as around:
        for number in range(times + 1):
            camera = around.connected()
            camera.order()
            label = around.first_label(camera)
            if number:
                fault.recovery.append((label - camera.moments["publisher"]) / NS_PER_S)
            around.watcher.spin(_SPELL_SECONDS)
            camera.kill()
            around.until_told(fault, "no image for", time.monotonic())
        around.settle(fault, untold=times + 1)
    return fault


def camera_killed_beside_its_successor(folder: Path, times: int) -> Fault:
    """What the graph holds for two publishers is one dead and one alive."""
    fault = Fault("killed camera still in the graph", "all of the new camera")
    with site(folder) as around:
        for _ in range(times):
            first = around.connected()
            first.order(rate=10.0)
            around.first_label(first)
            began = time.monotonic()
            first.kill()
            second = around.connected()
            second.order(rate=10.0)
            around.first_label(second)
            around.watcher.spin(_SPELL_SECONDS)
            if told := around.audit.first("publishers on /image", began):
                fault.told = told.message
                fault.told_after.append(told.moment - began)
                around.until_ok("publishers on /image")
            fault.recovery.append(time.monotonic() - began)
            second.end()
        around.settle(fault, untold=times)
    return fault


def encoding_changes(folder: Path, times: int) -> Fault:
    """All encodings in turn without a pause, one among them that nobody knows."""
    fault = Fault(f"encoding changes: all {len(ENCODINGS)}, and one unknown", "of all but that one")
    with site(folder) as around:
        camera = around.connected()
        for _ in range(times):
            for encoding in ENCODINGS:
                camera.order(encoding, count=5)
            around.finish(camera)
            bad = set(around.sent)
            began = time.monotonic()
            camera.order(_UNKNOWN_ENCODING, count=90)
            around.until_told(fault, "every frame fails", began)
            around.finish(camera)
            bad = set(around.sent) - bad
            fault.expect(not bad & around.heard.keys(), "a label of an unknown encoding")
            fault.recovery.append(_until_next_label(around, camera))
        total = around.settle(fault)
        fault.expect(total["failed"] >= times * 3, f"only {total['failed']} failed")
        fault.expect(total["failed"] <= times * 90, f"{total['failed']} failed")
        fault.expect(not total["stale"], f"{total['stale']} stale")
    return fault


def size_changes(folder: Path, times: int) -> Fault:
    """One pixel, odd sizes, 4K, and back."""
    fault = Fault("size changes: 1x1 to 3840x2160, odd ones", "of every size")
    with site(folder) as around:
        camera = around.connected()
        for _ in range(times):
            for size in _SIZES:
                began = time.monotonic()
                camera.order(size=size, count=15, rate=10.0)
                fault.recovery.append(_first_of_order(around, camera))
                around.finish(camera)
                if size == _SIZES[-1]:
                    around.until_told(fault, "wrong size: 640x480, 3840x2160", began)
        total = around.settle(fault)
        fault.expect(not total["failed"], f"{total['failed']} failed")
    return fault


def ten_cameras(folder: Path, times: int) -> Fault:
    """One node, one model, ten cameras of which one dies again and again."""
    fault = Fault(f"ten cameras at {_TEN_RATE:g} Hz, one killed (-9)")
    with site(folder, names=_TEN) as around:
        cameras = {name: around.connected(f"/{name}/image") for name in _TEN}
        for camera in cameras.values():
            camera.order(rate=_TEN_RATE)
        for camera in cameras.values():
            around.first_label(camera)
        ratios = [_lose_the_last(around, cameras, fault) for _ in range(times)]
        for camera in cameras.values():
            camera.end()
        total = around.settle(fault, untold=times)
        labels = _labels_of(around, _TEN[:-1])
        lost = 100 * (1 - total["published"] / total["received"])
    fault.labels = (
        f"of the others {min(labels)} to {max(labels)} each, {min(ratios):.2f} of those before; "
        f"{lost:.1f} % superseded"
    )
    fault.expect(min(labels) > 0.5 * statistics.median(labels), f"one starves: {labels}")
    return fault


def camera_with_wrong_qos(folder: Path, times: int) -> Fault:
    """A best-effort camera, and a node that asks for reliable ones."""
    fault = Fault("camera's QoS does not fit, then does", "none")
    with site(folder) as around:
        for _ in range(times):
            began = time.monotonic()
            wrong = around.camera(best_effort=True)
            around.until_told(fault, "this node asks for [reliable", began)
            wrong.end()
            right = around.connected()
            right.order()
            label = around.first_label(right)
            fault.recovery.append((label - right.moments["publisher"]) / NS_PER_S)
            right.end()
        around.settle(fault)
    return fault


def listener_with_wrong_qos(folder: Path, times: int) -> Fault:
    """A listener that asks for labels from before it came, and then does not."""
    fault = Fault("listener's QoS does not fit, then does", "to every other listener")
    wrong = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    with site(folder) as around:
        camera = around.connected()
        camera.order(rate=10.0)
        around.first_label(camera)
        for _ in range(times):
            came: list[float] = []
            began = time.monotonic()
            ended = _listen(around, wrong, came)
            around.until_told(fault, "/watcher gets nothing", began)
            fault.expect(not came, "labels to whom they do not fit")
            ended()
            began = time.monotonic()
            ended = _listen(around, QoSProfile(depth=5), came)
            around.watcher.until(lambda came=came: came, "a label")
            fault.recovery.append(came[0] - began)
            around.until_ok("gets nothing")
            ended()
        camera.end()
        around.settle(fault)
    return fault


def two_publishers(folder: Path, times: int) -> Fault:
    """A recording beside a live camera."""
    fault = Fault("two publishers on one topic", "of both, mixed")
    with site(folder) as around:
        camera = around.connected()
        camera.order(rate=10.0)
        around.first_label(camera)
        for _ in range(times):
            began = time.monotonic()
            other = around.connected()
            other.order(rate=10.0)
            around.first_label(other)
            around.until_told(fault, "2 publishers on /image", began)
            other.end()
            fault.recovery.append(around.until_ok("publishers on /image"))
        camera.end()
        around.settle(fault)
    return fault


SUBJECTS: Mapping[str, Callable[[Path, int], Fault]] = {
    "camera": camera_killed,
    "successor": camera_killed_beside_its_successor,
    "encoding": encoding_changes,
    "size": size_changes,
    "ten": ten_cameras,
    "camera_qos": camera_with_wrong_qos,
    "listener_qos": listener_with_wrong_qos,
    "publishers": two_publishers,
}


def _until_next_label(around: Site, camera: ChangingCamera) -> float:
    """Send good frames; seconds from the first of them to the first label."""
    camera.order(count=30)
    seconds = _first_of_order(around, camera)
    around.finish(camera)
    return seconds


def _first_of_order(around: Site, camera: ChangingCamera) -> float:
    """Seconds from the first frame of the order just given to the first label of one."""
    before = max(around.sent, default=0)
    label = around.first_label(camera, since=before + 1)
    return (label - min(stamp for stamp in camera.sent if stamp > before)) / NS_PER_S


def _lose_the_last(around: Site, cameras: dict[str, ChangingCamera], fault: Fault) -> float:
    """Kill the last camera and start it again; the others' labels meanwhile over those before."""
    *others, victim = cameras
    before = _rate(around, others)
    began = time.monotonic()
    cameras[victim].kill()
    meanwhile = _rate(around, others)
    around.until_told(fault, "no image for", began)
    cameras[victim] = camera = around.connected(f"/{victim}/image")
    camera.order(rate=_TEN_RATE)
    label = around.first_label(camera)
    fault.recovery.append((label - camera.moments["publisher"]) / NS_PER_S)
    return meanwhile / before


def _rate(around: Site, names: Sequence[str]) -> float:
    """Labels per second of some cameras together, from now on for a while."""
    before = sum(_labels_of(around, names))
    began = time.monotonic()
    around.watcher.spin(3 * _SPELL_SECONDS)
    return (sum(_labels_of(around, names)) - before) / (time.monotonic() - began)


def _labels_of(around: Site, names: Sequence[str]) -> list[int]:
    topics = [heard.topic for heard in around.heard.values()]
    return [topics.count(f"{name}/label") for name in names]


def _listen(around: Site, qos: QoSProfile, came: list[float]) -> Callable[[], None]:
    """Note when labels come; what is returned ends that."""
    node = around.watcher.node
    subscription = node.create_subscription(
        Image, "/segmentation/label", lambda _: came.append(time.monotonic()), qos
    )
    return lambda: node.destroy_subscription(subscription)
