# SPDX-License-Identifier: Apache-2.0
"""Freshness: the newest frame wins, too old ones are dropped, by whichever clock there is."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from numbered_camera import NumberedCamera, active, arguments
from peer import NodeProcess, Peer, claim_domain, reliable, running_node
from rosgraph_msgs.msg import Clock
from slow_model import slow_model

SIM_TIME = ("-p", "use_sim_time:=true")


class Playback:
    """Publishes /clock as `ros2 bag play --clock` does; use it as a context.

    Args:
        peer: Publishes.
        start: The recording's time, whole seconds.
    """

    def __init__(self, peer: Peer, start: int) -> None:
        self._publisher = peer.node.create_publisher(Clock, "/clock", 10)
        self._peer = peer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self.jump(start)

    def __enter__(self) -> "Playback":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._peer.node.destroy_publisher(self._publisher)

    def jump(self, seconds: int) -> None:
        self._start = seconds * 10**9 - time.monotonic_ns()
        self._standing: int | None = None

    def pause(self) -> None:
        """It goes on publishing the same time, as rosbag2 does."""
        self._standing = self._now()

    def stamp(self, ahead: float = 0.0) -> tuple[int, int]:
        return divmod(self._now() + int(ahead * 1e9), 10**9)

    def _now(self) -> int:
        return self._start + time.monotonic_ns() if self._standing is None else self._standing

    def _play(self) -> None:
        while not self._ended.wait(0.02):
            message = Clock()
            message.clock.sec, message.clock.nanosec = self.stamp()
            self._publisher.publish(message)


@pytest.fixture
def other_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """For nodes beside that of this module; to be named before `peer`."""
    monkeypatch.setenv("ROS_DOMAIN_ID", claim_domain())


@pytest.fixture(scope="module")
def node(
    channel_model: Path, tmp_path_factory: pytest.TempPathFactory, own_domain: None
) -> Iterator[NodeProcess]:
    """With the system's time; the tests leave its parameters as they find them."""
    log = tmp_path_factory.mktemp("node") / "log"
    with running_node(log, *arguments(channel_model)) as process:
        yield process
    assert "Traceback" not in process.text()


@pytest.fixture
def camera(node: NodeProcess, peer: Peer) -> NumberedCamera:
    active(peer, "")
    return NumberedCamera(peer).listen().connect()


@pytest.fixture
def max_age(camera: NumberedCamera) -> Iterator[None]:
    """One second, for the test."""
    assert camera.peer.set_parameter("max_age", 1.0).successful
    yield
    assert camera.peer.set_parameter("max_age", 0.0).successful


def send_stale(camera: NumberedCamera, stamp: tuple[int, int]) -> None:
    """Wait until it is booked: the next frame might supersede it."""
    stale = camera.books["stale"]
    camera.send(stamp=stamp)
    camera.peer.until(lambda: camera.books["stale"] == stale + 1, "the stale frame in the books")


def now(ahead: float = 0.0) -> tuple[int, int]:
    return divmod(time.time_ns() + int(ahead * 1e9), 10**9)


def test_the_newest_frame_wins_under_load(
    channel_model: Path, tmp_path: Path, other_domain: None, peer: Peer
) -> None:
    """`deep` is counted from its first frame on, `usual` has the queue that the node comes with."""
    model = slow_model(channel_model, tmp_path / "slow", times=160)
    words = [*arguments(model, "deep"), "-p", "cameras:=[deep,usual]", *reliable("/usual/image")]
    with running_node(tmp_path / "log", *words):
        active(peer, "deep", "usual")
        deep, usual = (NumberedCamera(peer, n).listen().connect() for n in ("deep", "usual"))
        for _ in range(120):
            deep.send()
            usual.send()
            time.sleep(0.005)
        for camera in (deep, usual):
            camera.wait_for_last()
            numbers = camera.check()
            assert numbers[-1] == 120
            assert len(numbers) < 80
        counted = deep.settle()
        assert counted["received"] == 120
        assert counted["published"] == len(deep.labels)
        assert counted["published"] + counted["superseded"] == 120
        peer.until(lambda: not usual.books["pending"], "the books")
        assert usual.books["published"] == len(usual.labels)
        assert usual.books["published"] + usual.books["superseded"] == usual.books["received"]


def test_old_new_future_and_unset_stamps(camera: NumberedCamera, max_age: None, peer: Peer) -> None:
    send_stale(camera, now(-2.0))
    camera.step(stamp=now(-0.1))
    camera.step(stamp=now(+3600.5))
    words = "stamps are 60.0 min ahead of this node's clock: synchronize the clocks"
    peer.until(lambda: words in peer.message(), "word of the future")
    send_stale(camera, now(-1e9))
    camera.step(stamp=(0, 0))
    peer.until(lambda: "images carry no stamp" in peer.message(), "word of the stamp")
    assert peer.level() == DiagnosticStatus.WARN
    assert peer.values()["clock"] == "system"
    camera.step(stamp=now())
    assert camera.check() == [2, 3, 5, 6]
    # To be in disorder is no reason to be dropped.
    counted = camera.settle()
    assert (counted["received"], counted["published"], counted["stale"]) == (6, 4, 2)
    assert (counted["superseded"], counted["failed"]) == (0, 0)


def test_a_recording_that_starts_again_without_sim_time(camera: NumberedCamera, peer: Peer) -> None:
    before = int(peer.values("frames")["stamps went back"])
    for loop in range(3):
        for second in range(4):
            camera.step(stamp=(1_600_000_000 + second, loop))
    counted = camera.settle()
    assert (counted["received"], counted["published"]) == (12, 12)
    # Three loops: from the test before, if there was one, and twice from the end to the start.
    assert int(peer.values("frames")["stamps went back"]) - before in (2, 3)
    assert camera.check() == [*range(1, 13)]
    peer.until(lambda: "a recording? play it with --clock" in peer.message(), "the advice")
    assert peer.values("node")["clock jumps"] == "0"


def test_the_clock_can_be_exchanged_live(camera: NumberedCamera, max_age: None, peer: Peer) -> None:
    with Playback(peer, start=5000) as playback:
        words = "somebody publishes /clock, which this node does not follow"
        peer.until(lambda: words in peer.message("node"), "word of the clock")
        camera.step(stamp=now())
        assert peer.set_parameter("use_sim_time", True).successful
        peer.until(lambda: peer.values()["clock"] == "/clock", "the simulated time")
        assert peer.level("node") == DiagnosticStatus.OK
        send_stale(camera, playback.stamp(-3.0))
        camera.step(stamp=playback.stamp())
        camera.step(stamp=now())  # from the future
        assert peer.set_parameter("use_sim_time", False).successful
        peer.until(lambda: peer.values()["clock"] == "system", "the system's time")
        send_stale(camera, playback.stamp())
        camera.step(stamp=now())
    assert camera.check() == [1, 3, 4, 6]
    counted = camera.settle()
    assert (counted["received"], counted["published"], counted["stale"]) == (6, 4, 2)
    assert peer.values("node")["clock jumps"] == "0"
    peer.until(lambda: peer.level("node") == DiagnosticStatus.OK, "the end of /clock")


@pytest.fixture
def simulated(
    channel_model: Path, tmp_path: Path, other_domain: None, own_domain: None
) -> Iterator[NodeProcess]:
    """A node of its own that follows /clock, with max_age 1 s."""
    words = [*arguments(channel_model), *SIM_TIME, "-p", "max_age:=1.0"]
    with running_node(tmp_path / "log", *words) as process:
        yield process
    assert "Traceback" not in process.text()


def test_without_clock_diagnostics_come_and_tell(simulated: NodeProcess, peer: Peer) -> None:
    came: list[float] = []
    peer.node.create_subscription(
        DiagnosticArray, "/diagnostics", lambda _: came.append(time.monotonic()), 10
    )
    active(peer, "")
    advice = (
        "use_sim_time is set, but nobody publishes /clock: `ros2 bag play --clock`, or `ros2 param "
        "set /segmentation use_sim_time false`"
    )
    assert peer.message("node") == advice
    assert peer.level("node") == DiagnosticStatus.WARN
    assert peer.values()["clock"] == "/clock, standing still"
    # Labels come nevertheless: without a time nothing is known to be too old.
    camera = NumberedCamera(peer).listen().connect()
    camera.step(stamp=(100, 0))
    camera.step(stamp=now())
    had = len(came)
    peer.until(lambda: len(came) >= had + 2, "two more diagnostics")
    with Playback(peer, start=5000) as playback:
        peer.until(lambda: peer.values()["clock"] == "/clock", "the clock to run")
        assert peer.level("node") == DiagnosticStatus.OK
        send_stale(camera, playback.stamp(-2.0))
        camera.step(stamp=playback.stamp())
        playback.pause()
        words = "use_sim_time is set and /clock stands still: is the playback paused?"
        peer.until(lambda: peer.message("node") == words, "the pause")
        camera.step(stamp=playback.stamp())
    peer.until(lambda: peer.message("node") == advice, "the end of /clock")
    assert camera.check() == [1, 2, 4, 5]
    assert camera.books["stale"] == camera.settle()["stale"] == 1
    assert peer.values()["clock jumps"] == "0"


def test_a_recording_that_starts_again_in_sim_time(simulated: NodeProcess, peer: Peer) -> None:
    active(peer, "")
    camera = NumberedCamera(peer).listen().connect()
    words = "(a recording that starts again?); frames from before are given up"
    with Playback(peer, start=5000) as playback:
        peer.until(lambda: peer.values()["clock"] == "/clock", "the clock to run")
        for _ in range(5):
            camera.step(stamp=playback.stamp(-0.1))
        playback.jump(4000)
        peer.until(lambda: words in simulated.text(), "the jump")
        # What is fresh is known by the new time at once, and so is what is too old.
        camera.step(stamp=playback.stamp())
        send_stale(camera, playback.stamp(-3.0))
        for loop in (2, 3):
            playback.jump(4000 - 100 * loop)
            peer.until(lambda loop=loop: peer.values()["clock jumps"] == str(loop), "the jump")
            for _ in range(5):
                camera.step(stamp=playback.stamp(-0.1))
        assert peer.values()["last clock jump"].startswith("the time went back by ")
        assert peer.level("node") == DiagnosticStatus.OK
    counted = camera.settle()
    assert counted == dict.fromkeys(counted, 0) | {"received": 17, "published": 16, "stale": 1}
    assert len(camera.check()) == 16
    # Once per jump, and once for the stale one.
    assert peer.values("frames")["stamps went back"] == "4"


def test_the_clock_alone_gives_up_what_waits_and_restarts_health(
    simulated: NodeProcess, peer: Peer
) -> None:
    """No image comes after the jump whose stamp would tell the same."""
    active(peer, "")
    camera = NumberedCamera(peer).listen().connect()
    with Playback(peer, start=5000) as playback:
        peer.until(lambda: peer.values()["clock"] == "/clock", "the clock to run")
        camera.step(stamp=playback.stamp())
        assert peer.set_parameter("max_rate", 0.001).successful
        camera.send(stamp=playback.stamp())  # its turn would come in minutes
        peer.until(lambda: camera.books["pending"] == 1, "the frame to wait")
        assert "brightness" in peer.values("image")
        playback.jump(4000)
        peer.until(lambda: camera.books["pending"] == 0, "the frame to be given up")
        assert "brightness" not in peer.values("image")
    counted = camera.settle()
    assert counted == dict.fromkeys(counted, 0) | {"received": 2, "published": 1, "superseded": 1}
    assert camera.check() == [1]
    # A node without cameras has nobody to tell, and goes on.
    assert peer.transition("deactivate")
    assert peer.transition("cleanup")
    with Playback(peer, start=3000):
        peer.until(lambda: peer.values()["clock jumps"] == "2", "the jump")
    assert peer.state() == "unconfigured"
