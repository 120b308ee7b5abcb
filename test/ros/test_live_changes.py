# SPDX-License-Identifier: Apache-2.0
"""Parameters of a running node: those that may change do so with the next frame, others say why."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from peer import RELIABLE, NodeProcess, Peer, reliable, running_node
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from slow_model import slow_model
from stream import Stream, leave, picture
from variants import darkest_model, slowly_loading_model, write_taxonomy

from segnet_ros.inference.model import load_model
from segnet_ros.inference.visualization import Legend, blend, color_table, colorize
from segnet_ros.ros.live_changes import LiveChanges
from segnet_ros.ros.parameters import NodeParameters

AT_ANY_TIME = {
    "taxonomy": "", "confidence_threshold": -1.0, "max_age": 0.0, "max_rate": 0.0, "deadline": 0.0,
    "overlay_alpha": 0.5, "overlay_legend": False, "frames_folder": "",
    "watchdog": 10.0,
}  # fmt: skip
FROM_CONFIGURE_TO_CLEANUP = {
    "runtime": "openvino", "precision": "int8", "engine_cache": "/elsewhere", "build_engine": True,
    "image_transport": "compressed", "autostart": False, "cameras": ["front", "left"],
    "label_size": "network", "batch_size": 4, "batch_window": 0.01,
}  # fmt: skip
NEVER = 0.0001  # Hz


# First those with nodes of their own: the one that the others share has the same name.


def test_cameras(channel_model: Path, tmp_path: Path, peer: Peer) -> None:
    """Rate and priority of single cameras."""
    model = slow_model(channel_model, tmp_path / "slow", times=128)
    with running_node(
        tmp_path / "log", "-p", f"model:={model}", "-p", "cameras:=[front,left]",
        "-p", "autostart:=true", *reliable("/front/image"), *reliable("/left/image"),
    ):  # fmt: skip
        front, left = (Stream(peer, "label", camera=name) for name in ("front", "left"))
        assert peer.set_parameter("front.max_rate", NEVER).successful
        held = front.send(picture(1))
        left.show(picture(2))
        left.show(picture(3))
        assert not front.came(held)
        assert peer.set_parameter("front.max_rate", 0.0).successful
        peer.until(lambda: front.came(held), "the frame that has waited")

        published: dict[str, int] = {}

        def note(camera: str, info: dict[str, int]) -> None:
            published[camera] = info["source_timestamp"]

        for name, stream in (("front", front), ("left", left)):
            peer.node.create_subscription(
                type(stream.outputs["label"][0]),
                f"/segmentation/{name}/label",
                lambda _, info, name=name: note(name, info),
                RELIABLE,
            )
        for first, second in (("front", "left"), ("left", "front")):
            urgent = {f"{first}.priority": 100, f"{second}.priority": 0}
            assert peer.set_atomically(urgent | {"max_rate": NEVER}).successful
            for stream in (front, left):
                stream.send(picture(4))
            peer.until(
                lambda: all(peer.books(f"{c} frames")["pending"] == 1 for c in ("front", "left")),
                "two frames that wait",
            )
            assert not published
            assert peer.set_parameter("max_rate", 0.0).successful
            peer.until(lambda: len(published) == 2, "both")
            assert published[first] < published[second]
            published.clear()


class Limited:
    """Stands in for a `Pipeline`."""

    def __init__(self) -> None:
        self.limited = 0
        self.labelling = SimpleNamespace(taxonomy=None)

    def limit(self) -> None:
        self.limited += 1


def test_limits_are_passed_on(shared_peer: Peer) -> None:
    overrides = [Parameter("cameras", value=["front"])]
    node = LifecycleNode("live", context=shared_peer.context, parameter_overrides=overrides)
    settings, pipeline = NodeParameters(node), Limited()
    settings.declare_cameras()
    LiveChanges(node, settings, lambda: pipeline)  # type: ignore[arg-type,return-value]
    for in_use in (False, True):
        settings.in_use = in_use
        for name, value in (("front.priority", 3), ("front.max_rate", 2.0), ("max_rate", 1.0)):
            before = pipeline.limited
            changed = value + in_use
            assert node.set_parameters_atomically([Parameter(name, value=changed)]).successful
            assert pipeline.limited - before == in_use
    node.destroy_node()


def test_the_facts_do_not_wait_for_another_frame(
    channel_model: Path, tmp_path: Path, peer: Peer
) -> None:
    """Changed while a frame is in work, the last one for long."""
    model = slow_model(channel_model, tmp_path / "slow", times=384)
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    with running_node(
        tmp_path / "log", "-p", f"model:={model}", "-p", "autostart:=true", *reliable("/image")
    ):
        stream = Stream(peer, "label")
        for number, taxonomy in enumerate((str(names), "", str(names))):
            stream.send(picture(1))
            peer.until(lambda: peer.state() == "active", "the frame to arrive")
            assert peer.set_parameter("taxonomy", taxonomy).successful
            peer.until(lambda number=number: len(stream.facts) == number + 2, "word of it")


def test_while_it_configures(channel_model: Path, tmp_path: Path, peer: Peer) -> None:
    slow = slowly_loading_model(channel_model, tmp_path / "slow")
    with running_node(tmp_path / "log", "-p", f"model:={slow}", *reliable("/image")):
        assert peer.state() == "unconfigured"
        configure = ChangeState.Request(transition=Transition(label="configure"))
        configured = peer.ask(ChangeState, "/segmentation/change_state", configure)
        peer.until(lambda: peer.state() == "configuring", "the beginning")
        for name, value in {"model": str(channel_model), "taxonomy": "driving"}.items():
            answer = peer.set_parameter(name, value)
            assert not answer.successful
            assert answer.reason.startswith("model and taxonomy cannot change during configure")
        assert peer.set_parameter("confidence_threshold", 0.7).successful
        assert peer.trigger("reload_model").message == "the node is not configured; configure it"
        assert not configured.done()
        peer.until(configured.done, "the end")
        assert (peer.parameter("model"), peer.parameter("taxonomy")) == (str(slow), "")
        assert peer.transition("activate")
        shown = picture(1)
        expected = np.where(shown.max(2) >= 0.7 * 255, shown.argmax(2), 255)
        np.testing.assert_array_equal(Stream(peer, "label").show(shown)["label"], expected)


def test_while_it_is_not_configured(channel_model: Path, tmp_path: Path, peer: Peer) -> None:
    """Anything may be set then, and configure tells what is wrong."""
    darkest = darkest_model(channel_model, tmp_path / "darkest")
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    with running_node(tmp_path / "log", "-p", "model:=/nowhere", *reliable("/image")) as node:
        assert not peer.trigger("reload_model").success
        assert peer.set_atomically({"model": str(darkest), "taxonomy": str(names)}).successful
        assert not peer.transition("configure")
        reason = (
            f"{names} places red, green, blue; expected only classes of darkest: pit, moss, ice"
        )
        assert f"cannot configure: {reason}" in node.text()
        peer.until(lambda: reason in peer.message("node"), "the reason in the diagnostics")
        assert peer.level("node") == DiagnosticStatus.ERROR
        # It is as before a first attempt.
        assert peer.set_atomically({"model": str(channel_model), "batch_size": 2}).successful
        assert peer.transition("configure")
        assert peer.transition("activate")
        shown = picture(1)
        came = Stream(peer, "label").show(shown)["label"]
        np.testing.assert_array_equal(came, np.array([0, 1, 1])[shown.argmax(2)])


@pytest.fixture(scope="module")
def shared_peer(own_domain: None) -> Iterator[Peer]:
    """Discovery takes seconds now and then."""
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def running(
    channel_model: Path, tmp_path_factory: pytest.TempPathFactory, shared_peer: Peer
) -> Iterator[NodeProcess]:
    log = tmp_path_factory.mktemp("live") / "log"
    arguments = ("-p", f"model:={channel_model}", "-p", "autostart:=true")
    with running_node(log, *arguments, *reliable("/image")) as process:
        shared_peer.statuses.clear()
        shared_peer.until(lambda: shared_peer.values().get("state") == "active", "the node")
        yield process


@pytest.fixture
def peer(shared_peer: Peer) -> Iterator[Peer]:
    yield shared_peer
    leave(shared_peer)


@pytest.fixture
def node(running: NodeProcess, peer: Peer) -> NodeProcess:
    """With its parameters as they were when it started."""
    assert peer.set_atomically(AT_ANY_TIME).successful
    return running


def test_alpha(node: NodeProcess, peer: Peer, channel_model: Path) -> None:
    stream = Stream(peer, "overlay")
    colors = color_table(load_model(channel_model).classes)
    for seed, alpha in enumerate((0.5, 0.25, 0.0, 1.0)):
        assert peer.set_parameter("overlay_alpha", alpha).successful
        shown = picture(seed)
        expected = blend(shown, colorize(shown.argmax(2).astype(np.uint8), colors), alpha)
        np.testing.assert_array_equal(stream.show(shown)["overlay"], expected)


def test_legend(node: NodeProcess, peer: Peer, channel_model: Path) -> None:
    stream = Stream(peer, "overlay")
    shown = np.full((240, 320, 3), (10, 200, 30), np.uint8)
    plain = stream.show(shown)["overlay"]
    assert peer.set_parameter("overlay_legend", True).successful
    expected = plain.copy()
    Legend(load_model(channel_model).classes).draw(expected, np.ones((12, 16), np.uint8))
    assert (expected != plain).any()
    np.testing.assert_array_equal(stream.show(shown)["overlay"], expected)
    assert peer.set_parameter("overlay_legend", False).successful
    np.testing.assert_array_equal(stream.show(shown)["overlay"], plain)


def test_threshold(node: NodeProcess, peer: Peer) -> None:
    stream = Stream(peer, "label", "confidence")
    for seed, threshold in enumerate((0.6, 0.0, 0.8, 1.0, -1.0)):
        assert peer.set_parameter("confidence_threshold", threshold).successful
        shown = picture(seed)
        came = stream.show(shown)
        certain = shown.max(2) >= threshold * 255
        np.testing.assert_array_equal(came["label"], np.where(certain, shown.argmax(2), 255))
        np.testing.assert_array_equal(came["confidence"], shown.max(2))
        assert (came["label"] == 255).any() == (threshold > 0)


def test_what_changes_the_labels_is_told(node: NodeProcess, peer: Peer, tmp_path: Path) -> None:
    stream = Stream(peer, "label")
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    assert peer.set_parameter("confidence_threshold", 0.25).successful
    assert peer.set_parameter("taxonomy", str(names)).successful
    peer.until(lambda: len(stream.facts) == 3, "word of it")
    before, threshold, taxonomy = [json.loads(message.data) for message in stream.facts]
    assert (before["taxonomy"], before["confidence_threshold"]) == ("", 0.0)
    assert threshold == before | {"version": before["version"] + 1, "confidence_threshold": 0.25}
    assert taxonomy["version"] == before["version"] + 2
    assert taxonomy["taxonomy"] == "heat"
    assert taxonomy["classes"] == [
        {"id": 0, "name": "warm", "color": [0, 20, 30], "cost": 0},
        {"id": 1, "name": "cold", "color": [10, 20, 30], "cost": 1},
    ]
    assert "taxonomy heat, confidence from 0.25 from now on" in node.text()


def test_taxonomy(node: NodeProcess, peer: Peer, tmp_path: Path) -> None:
    stream = Stream(peer, "label", "color")
    shown = picture(1)
    own = stream.show(shown)["label"]
    names = write_taxonomy(tmp_path / "heat", {"cold": ["blue"], "warm": ["red"]}, ["green"], 0.5)
    assert peer.set_parameter("taxonomy", str(names)).successful
    came = stream.show(shown)
    expected = np.where(shown.max(2) >= 0.5 * 255, np.array([1, 255, 0])[own], 255)
    np.testing.assert_array_equal(came["label"], expected)
    assert {0, 1, 255} == {*np.unique(expected)}
    table = np.zeros((256, 3), np.uint8)
    table[:2] = [0, 20, 30], [10, 20, 30]
    np.testing.assert_array_equal(came["color"], table[expected])
    # The parameter is stronger than the file.
    assert peer.set_parameter("confidence_threshold", 0.0).successful
    np.testing.assert_array_equal(stream.show(shown)["label"], np.array([1, 255, 0])[own])
    assert peer.set_parameter("taxonomy", "").successful
    np.testing.assert_array_equal(stream.show(shown)["label"], own)


def test_another_threshold_needs_no_taxonomy_file(
    node: NodeProcess, peer: Peer, tmp_path: Path
) -> None:
    stream = Stream(peer, "label")
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    assert peer.set_parameter("taxonomy", str(names)).successful
    names.write_text("classes: [")
    assert peer.set_parameter("confidence_threshold", 0.7).successful
    shown = picture(1)
    mapped = np.where(shown.max(2) >= 0.7 * 255, np.array([0, 1, 1])[shown.argmax(2)], 255)
    np.testing.assert_array_equal(stream.show(shown)["label"], mapped)
    names.unlink()
    assert peer.set_parameter("confidence_threshold", 0.0).successful
    np.testing.assert_array_equal(stream.show(shown)["label"], np.array([0, 1, 1])[shown.argmax(2)])


def test_max_age(node: NodeProcess, peer: Peer) -> None:
    stream = Stream(peer, "label")
    assert peer.set_parameter("max_age", 30.0).successful
    peer.until(lambda: peer.values("frames").get("max age [s]") == "30", "diagnostics")
    stale = peer.books()["stale"]
    old = stream.send(picture(1))
    peer.until(lambda: peer.books()["stale"] == stale + 1, "the old frame in the books")
    stream.show(picture(2), stamp=peer.now())
    assert not stream.came(old)
    assert peer.set_parameter("max_age", 0.0).successful
    stream.show(picture(3))


def test_deadline(node: NodeProcess, peer: Peer) -> None:
    stream = Stream(peer, "label")
    peer.until(lambda: peer.values("frames").get("deadline [s]") == "0", "diagnostics")
    before = int(peer.values("frames")["missed deadlines"])
    assert peer.set_parameter("deadline", 60.0).successful
    stream.show(picture(1), stamp=peer.now())
    stream.show(picture(2), stamp=(5, 0))
    peer.until(lambda: peer.values("frames")["deadline [s]"] == "60", "the new deadline")
    peer.until(lambda: int(peer.values("frames")["missed deadlines"]) > before, "a missed deadline")
    assert int(peer.values("frames")["missed deadlines"]) == before + 1


def test_max_rate(node: NodeProcess, peer: Peer) -> None:
    stream = Stream(peer, "label")
    assert peer.set_parameter("max_rate", NEVER).successful
    sent = stream.send(picture(1))
    peer.until(lambda: peer.books("frames")["pending"] == 1, "a frame that waits")
    assert not stream.came(sent)
    assert peer.set_parameter("max_rate", 0.0).successful
    peer.until(lambda: stream.came(sent), "the frame that has waited")


@pytest.mark.parametrize(("name", "value"), FROM_CONFIGURE_TO_CLEANUP.items())
def test_what_cannot_change_now_is_refused(
    node: NodeProcess, peer: Peer, name: str, value: Any
) -> None:
    before = peer.parameter(name)
    answer = peer.set_parameter(name, value)
    assert not answer.successful
    assert answer.reason == (
        f"{name} cannot change from configure to cleanup; use the transitions deactivate and "
        "cleanup, set it, then configure and activate"
    )
    assert peer.parameter(name) == before


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("overlay_alpha", 1.5, "out of range"),
        ("overlay_alpha", float("nan"), "out of range"),
        ("overlay_alpha", 1, "Wrong parameter type"),
        ("overlay_alpha", None, "cannot be undeclared"),
        ("confidence_threshold", -2.0, "out of range"),
        ("confidence_threshold", float("nan"), "out of range"),
        ("max_age", -1.0, "out of range"),
        ("max_rate", float("inf"), "out of range"),
        ("deadline", "soon", "Wrong parameter type"),
        ("taxonomy", "/nowhere.yaml", "no taxonomy '/nowhere.yaml'; expected a YAML file, or one"),
        ("taxonomy", "driving", "expected only classes of channel: red, green, blue"),
        ("model", "", "no model.yaml in"),
        ("model", "/nowhere", "no model '/nowhere'; expected a folder with model.yaml, or one of"),
        ("nonsense", 1.0, "undeclared parameter"),
    ],
)
def test_what_is_wrong_is_refused(
    node: NodeProcess, peer: Peer, name: str, value: Any, reason: str
) -> None:
    before = None if name == "nonsense" else peer.parameter(name)
    answer = peer.set_parameter(name, value)
    assert not answer.successful
    assert reason in answer.reason
    if name != "nonsense":
        assert peer.parameter(name) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"runtime": "openvino"},
        {"max_age": -1.0},
        {"taxonomy": "driving"},
        {"model": "/nowhere"},
        {"nonsense": 1},
        {"taxonomy": "", "model": "segnet_light_camvid", "batch_size": 2},
    ],
)
def test_all_or_nothing(
    node: NodeProcess, peer: Peer, channel_model: Path, wrong: dict[str, Any]
) -> None:
    stream = Stream(peer, "overlay", "label")
    before = stream.show(picture(1))
    facts = len(stream.facts)
    good = {"overlay_alpha": 0.125, "confidence_threshold": 0.9, "max_rate": NEVER}
    assert not peer.set_atomically(good | wrong).successful
    assert not peer.set_atomically(wrong | good).successful
    for name in good:
        assert peer.parameter(name) == AT_ANY_TIME[name]
    assert peer.parameter("model") == str(channel_model)
    after = stream.show(picture(1))
    for topic, pixels in before.items():
        np.testing.assert_array_equal(after[topic], pixels)
    assert len(stream.facts) == facts
    assert peer.values()["model swap"] == ""


def test_several_at_once(
    node: NodeProcess, peer: Peer, channel_model: Path, tmp_path: Path
) -> None:
    stream = Stream(peer, "overlay", "label")
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    changes = {"overlay_alpha": 1.0, "confidence_threshold": 0.7, "taxonomy": str(names)}
    facts = len(stream.facts)
    assert peer.set_atomically(changes).successful
    shown = picture(1)
    came = stream.show(shown)
    expected = np.where(shown.max(2) >= 0.7 * 255, np.array([0, 1, 1])[shown.argmax(2)], 255)
    np.testing.assert_array_equal(came["label"], expected)
    assert {tuple(c) for c in came["overlay"].reshape(-1, 3)} == {
        (0, 20, 30), (10, 20, 30), (0, 0, 0),
    }  # fmt: skip
    peer.until(lambda: len(stream.facts) > facts, "word of it")
    assert len(stream.facts) == facts + 1


def test_the_same_value_is_no_change(node: NodeProcess, peer: Peer, channel_model: Path) -> None:
    stream = Stream(peer, "label")
    facts = len(stream.facts)
    assert peer.set_atomically(AT_ANY_TIME | {"model": str(channel_model)}).successful
    stream.show(picture(1))
    assert len(stream.facts) == facts
    assert f"loading {channel_model}" not in node.text()
