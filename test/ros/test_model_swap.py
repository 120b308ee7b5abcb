# SPDX-License-Identifier: Apache-2.0
"""Another model for a running node, and what may come in between."""

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from peer import LATCHED, RELIABLE, NodeProcess, Peer, image, pixels, reliable, running_node
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger
from stream import Stream, leave, picture
from variants import (
    copied,
    darkest_model,
    rename_classes,
    slowly_loading_model,
    unloadable_model,
    write_taxonomy,
)

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.labelling import LoadedModel
from segnet_ros.inference.model import GRAPH, file_sha256
from segnet_ros.ros import model_swap
from segnet_ros.ros.engine_preparation import InterruptedBuildError
from segnet_ros.ros.model_swap import ModelSwap
from segnet_ros.ros.parameters import NodeParameters


class Loaded:
    """Stands in for a `Segmenter`."""

    def __init__(self) -> None:
        self.is_closed = threading.Event()

    def close(self) -> None:
        self.is_closed.set()


class Loader:
    """Stands in for a `ModelLoader`: gives what it is told to, when it is told to."""

    def __init__(self, *arguments: Any) -> None:
        self.engine_build = "building fp16: tactics 40 %"
        self.goes_on = threading.Event()
        self.answer: Loaded | Exception = Loaded()

    def load(self, name: str) -> Loaded:
        self.goes_on.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Rig:
    """A swap of which each step is in our hands."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, peer: Peer) -> None:
        monkeypatch.setattr(model_swap, "ModelLoader", Loader)
        self.node = LifecycleNode("swap", context=peer.context)
        self.executor = SingleThreadedExecutor(context=peer.context)
        self.executor.add_node(self.node)
        self.settings = NodeParameters(self.node)
        self.settings.in_use = True
        self.node.set_parameters([Parameter("model", value="new")])
        self.old = LoadedModel(Loaded(), "old")
        self.installed: list[tuple[Any, str]] = []
        self.swap = ModelSwap(self.node, self.settings, self.install)
        self.loader = self.swap._loader

    def install(self, segmenter: Any, name: str) -> LoadedModel:
        assert threading.current_thread() is threading.main_thread()
        if self.settings.text("taxonomy"):
            msg = "it does not fit"
            raise InferenceError(msg)
        self.installed.append((segmenter, name))
        return self.old

    def begin(self) -> Any:
        return self.swap.begin("new", otherwise={"model": "old"})

    def finish(self, future: Any) -> str:
        self.loader.goes_on.set()
        self.executor.spin_until_future_complete(future, timeout_sec=10)
        return str(future.result())

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, shared_peer: Peer) -> Iterator[Rig]:
    rig = Rig(monkeypatch, shared_peer)
    yield rig
    rig.close()


def test_the_old_model_is_freed_once_it_is_not_in_use(rig: Rig) -> None:
    assert (rig.swap.running, rig.swap.progress) == (False, "")
    with rig.old.in_use:
        future = rig.begin()
        assert rig.swap.running
        assert rig.swap.progress == "loading new: building fp16: tactics 40 %"
        rig.loader.engine_build = ""
        assert rig.swap.progress == "loading new"
        rig.loader.goes_on.set()
        while not rig.installed:
            rig.executor.spin_once(timeout_sec=0.1)
        assert not rig.old.segmenter.is_closed.wait(0.05)
        assert rig.swap.running
    assert rig.finish(future) == ""
    assert rig.old.segmenter.is_closed.is_set()
    assert rig.installed == [(rig.loader.answer, "new")]
    assert not rig.loader.answer.is_closed.is_set()
    assert rig.swap.failure == ""
    assert rig.settings.text("model") == "new"
    while rig.swap.running:
        pass
    assert rig.swap.progress == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InferenceError("no memory; close something"), "no memory; close something"),
        (InterruptedBuildError("the build was ended"), "the build was ended"),
        (ValueError("who knows"), "ValueError: who knows"),
    ],
)
def test_whatever_keeps_it_from_loading(rig: Rig, error: Exception, words: str) -> None:
    rig.loader.answer = error
    assert rig.finish(rig.begin()) == words
    assert rig.swap.failure == words
    assert rig.settings.text("model") == rig.node.get_parameter("model").value == "old"
    assert not rig.old.segmenter.is_closed.is_set()
    assert rig.installed == []
    rig.loader.answer = Loaded()
    assert rig.finish(rig.begin()) == rig.swap.failure == ""


def test_one_that_does_not_fit_is_freed(rig: Rig) -> None:
    rig.node.set_parameters([Parameter("taxonomy", value="changed meanwhile")])
    future = rig.swap.begin("new", otherwise={"model": "old", "taxonomy": "before"})
    assert rig.finish(future) == rig.swap.failure == "it does not fit"
    assert rig.loader.answer.is_closed.is_set()
    assert not rig.old.segmenter.is_closed.is_set()
    assert rig.settings.text("model") == rig.node.get_parameter("model").value == "old"
    assert rig.settings.text("taxonomy") == rig.node.get_parameter("taxonomy").value == "before"


@pytest.mark.parametrize("answer", [Loaded(), InferenceError("broken")])
def test_one_that_comes_after_cleanup_is_freed(rig: Rig, answer: Any) -> None:
    rig.loader.answer = answer
    future = rig.begin()
    rig.swap.cancel()
    reason = rig.finish(future)
    if isinstance(answer, Loaded):
        assert reason == "the node was cleaned up meanwhile; configure it again"
        assert answer.is_closed.is_set()
    assert rig.installed == []
    # The next configure is to load it: that is what the parameter says.
    assert rig.settings.text("model") == "new"
    assert rig.swap.failure == ""


def test_cleanup_forgets_a_failure(rig: Rig) -> None:
    rig.loader.answer = InferenceError("broken")
    rig.finish(rig.begin())
    assert rig.swap.failure == "broken"
    rig.swap.cancel()
    assert rig.swap.failure == ""


# Those with nodes of their own: the one that the others share, further down, has the same name.


@pytest.fixture(scope="module")
def shared_peer(own_domain: None) -> Iterator[Peer]:
    """Discovery takes seconds now and then."""
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def peer(shared_peer: Peer) -> Iterator[Peer]:
    yield shared_peer
    leave(shared_peer)


@pytest.fixture(scope="module")
def models(channel_model: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Folders, to be treated as read-only."""
    folder = tmp_path_factory.mktemp("swapped")
    darkest = darkest_model(channel_model, folder / "darkest")
    return SimpleNamespace(
        channel=channel_model,
        darkest=darkest,
        slow=slowly_loading_model(darkest, folder / "slow"),
        unloadable=unloadable_model(channel_model, folder / "unloadable"),
    )


@pytest.fixture
def own_node(models: SimpleNamespace, tmp_path: Path, peer: Peer) -> Iterator[NodeProcess]:
    arguments = ("-p", f"model:={models.channel}", "-p", "autostart:=true", *reliable("/image"))
    with running_node(tmp_path / "log", *arguments) as process:
        peer.statuses.clear()
        peer.until(lambda: peer.values().get("state") == "active", "the node to be active")
        yield process


def loaded_message(model: Path) -> str:
    return f"loading {model}; the model in use goes on meanwhile"


@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGTERM, signal.SIGINT)])
def test_the_node_ends_while_a_model_loads(
    own_node: NodeProcess, peer: Peer, models: SimpleNamespace, signals: tuple[int, ...]
) -> None:
    stream = Stream(peer, "label")
    assert peer.set_parameter("model", str(models.slow)).successful
    stream.send(picture(1))
    assert own_node.stop(*signals) == 0
    assert loaded_message(models.slow) in own_node.text()
    assert "from now on" not in own_node.text()
    assert "Traceback" not in own_node.text()
    assert "rror" not in own_node.text()


def test_deactivated_while_a_model_loads(own_node: NodeProcess, peer: Peer, models) -> None:
    stream = Stream(peer, "label")
    assert peer.set_parameter("model", str(models.slow)).successful
    assert peer.transition("deactivate")
    peer.until(lambda: "slow on OpenVINO" in own_node.text(), "the exchange")
    peer.until(lambda: peer.values().get("model") == "slow", "the new model in diagnostics")
    assert peer.values()["state"] == "inactive"
    assert len(stream.facts) == 1
    assert peer.transition("activate")
    shown = picture(1)
    peer.until(stream.publisher.get_subscription_count, "the camera's subscription")
    np.testing.assert_array_equal(stream.show(shown)["label"], shown.argmin(2))
    assert json.loads(stream.facts[-1].data)["version"] == 2
    # And inactive from the beginning.
    assert peer.transition("deactivate")
    assert peer.set_parameter("model", str(models.channel)).successful
    peer.until(
        lambda: "channel on OpenVINO" in own_node.text().split("slow on")[-1], "the exchange"
    )
    assert peer.transition("activate")
    peer.until(stream.publisher.get_subscription_count, "the camera's subscription")
    np.testing.assert_array_equal(stream.show(shown)["label"], shown.argmax(2))


def test_cleaned_up_while_a_model_loads(own_node: NodeProcess, peer: Peer, models) -> None:
    stream = Stream(peer, "label")
    assert peer.set_parameter("model", str(models.slow)).successful
    answer = peer.ask(Trigger, "/segmentation/reload_model", Trigger.Request())
    assert peer.transition("deactivate")
    assert peer.transition("cleanup")
    assert peer.parameter("model") == str(models.slow)
    peer.until(answer.done, "an answer")
    assert answer.result().message == f"loading {models.slow}"
    # The loader goes on, and is in nobody's way.
    assert peer.set_parameter("model", str(models.darkest)).successful
    assert peer.transition("configure")
    assert peer.transition("activate")
    shown = picture(1)
    peer.until(stream.publisher.get_subscription_count, "the camera's subscription")
    np.testing.assert_array_equal(stream.show(shown)["label"], shown.argmin(2))
    peer.until(lambda: "the node was cleaned up meanwhile" in own_node.text(), "the loader's end")
    peer.statuses.clear()
    peer.until(lambda: peer.values().get("model swap") == "", "word of it")
    assert peer.values()["model"] == "darkest"
    assert peer.values()["refused swap"] == ""
    assert peer.parameter("model") == str(models.darkest)
    assert peer.level("node") == DiagnosticStatus.OK


def test_shut_down_while_a_model_loads(own_node: NodeProcess, peer: Peer, models) -> None:
    assert peer.set_parameter("model", str(models.slow)).successful
    assert peer.transition("shutdown")
    assert peer.state() == "finalized"
    assert own_node.stop() == 0
    assert "Traceback" not in own_node.text()


def test_reloaded_while_the_node_ends(own_node: NodeProcess, peer: Peer, models) -> None:
    peer.ask(Trigger, "/segmentation/reload_model", Trigger.Request())
    peer.until(lambda: loaded_message(models.channel) in own_node.text(), "the beginning")
    assert own_node.stop() == 0
    assert "Traceback" not in own_node.text()


def test_two_at_once(own_node: NodeProcess, peer: Peer, models: SimpleNamespace) -> None:
    stream = Stream(peer, "label")
    name = "/segmentation/set_parameters_atomically"
    requests = [
        SetParametersAtomically.Request(
            parameters=[Parameter("model", value=str(model)).to_parameter_msg()]
        )
        for model in (models.slow, models.darkest)
    ]
    client = peer.node.create_client(SetParametersAtomically, name)
    peer.until(client.service_is_ready, "the service")
    peer.until_discovered(name)
    answers = [client.call_async(request) for request in requests]
    peer.until(lambda: all(answer.done() for answer in answers), "both answers")
    first, second = (answer.result().result for answer in answers)
    assert first.successful
    assert not second.successful
    busy = f"loading {models.slow}"
    assert second.reason == f"{busy}; set it again when that is done"
    again = peer.trigger("reload_model")
    assert (again.success, again.message) == (False, busy)
    assert peer.set_parameter("taxonomy", "driving").reason == second.reason
    # What has nothing to do with models goes on.
    assert peer.set_parameter("confidence_threshold", 0.2).successful
    shown = picture(1)
    expected = np.where(shown.max(2) >= 51, shown.argmax(2), 255)
    np.testing.assert_array_equal(stream.show(shown)["label"], expected)
    peer.until(lambda: peer.values()["model"] == "slow", "the new model")
    expected = np.where(shown.min(2) >= 51, shown.argmin(2), 255)
    np.testing.assert_array_equal(stream.show(shown)["label"], expected)
    assert peer.parameter("model") == str(models.slow)


def test_reload_takes_what_lies_on_the_disk(
    models: SimpleNamespace, tmp_path: Path, peer: Peer
) -> None:
    model = copied(models.channel, tmp_path / "model")
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    with running_node(
        tmp_path / "log", "-p", f"model:={model}", "-p", f"taxonomy:={names}",
        "-p", "autostart:=true", *reliable("/image"),
    ):  # fmt: skip
        stream = Stream(peer, "label")
        shown = picture(1)
        before = stream.show(shown)["label"]
        np.testing.assert_array_equal(before, np.array([0, 1, 1])[shown.argmax(2)])

        # A taxonomy that was edited counts only when it is asked for.
        write_taxonomy(names, {"cold": ["green", "blue"], "warm": ["red"]})
        np.testing.assert_array_equal(stream.show(shown)["label"], before)
        answer = peer.trigger("reload_model")
        assert (answer.success, answer.message) == (True, f"{model} is loaded anew")
        np.testing.assert_array_equal(stream.show(shown)["label"], 1 - before)

        # The same holds for the model.
        shutil.rmtree(model)
        copied(models.darkest, model)
        np.testing.assert_array_equal(stream.show(shown)["label"], 1 - before)
        refused = peer.trigger("reload_model")
        assert not refused.success
        assert refused.message == (
            f"{names} places green, blue, red; expected only classes of darkest: pit, moss, ice; "
            "correct the spelling, or write a taxonomy for this model"
        )
        np.testing.assert_array_equal(stream.show(shown)["label"], 1 - before)
        rename_classes(model, "red", "green", "blue")
        assert peer.trigger("reload_model").success
        after = np.array([1, 0, 0])[shown.argmin(2)]
        np.testing.assert_array_equal(stream.show(shown)["label"], after)

        names.write_text("rubbish: [")
        assert "is not readable YAML" in peer.trigger("reload_model").message
        write_taxonomy(names, {"all": ["red", "green", "blue"]})
        shutil.rmtree(model)
        assert "expected a folder with model.yaml" in peer.trigger("reload_model").message
        np.testing.assert_array_equal(stream.show(shown)["label"], after)
        peer.until(lambda: peer.values()["refused swap"], "word of it in diagnostics")
        assert peer.parameter("model") == str(model)
        versions = [json.loads(message.data)["version"] for message in stream.facts]
        assert versions == [1, 2, 3]


# From here on, they share one.


@pytest.fixture(scope="module")
def running(
    models: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory, shared_peer: Peer
) -> Iterator[NodeProcess]:
    log = tmp_path_factory.mktemp("swap") / "log"
    arguments = ("-p", f"model:={models.channel}", "-p", "autostart:=true")
    with running_node(log, *arguments, *reliable("/image")) as process:
        shared_peer.statuses.clear()
        shared_peer.until(lambda: shared_peer.values().get("state") == "active", "the node")
        yield process


@pytest.fixture
def node(running: NodeProcess, peer: Peer, models: SimpleNamespace) -> NodeProcess:
    """With `channel_model` in use."""
    changes = {"model": str(models.channel), "taxonomy": "", "confidence_threshold": -1.0}
    peer.until(lambda: peer.set_atomically(changes).successful, "the end of other swaps")

    def is_at_rest() -> bool:
        return (peer.values().get("model"), peer.values().get("model swap")) == ("channel", "")

    peer.statuses.clear()
    peer.until(is_at_rest, "the first model")
    return running


class Messages:
    """Outputs with the time at which they were published, nanoseconds."""

    def __init__(self, peer: Peer) -> None:
        self.labels: list[tuple[int, Image]] = []
        self.facts: list[tuple[int, dict[str, Any]]] = []
        peer.node.create_subscription(Image, "/segmentation/label", self._label, RELIABLE)
        peer.node.create_subscription(String, "/segmentation/model_info", self._fact, LATCHED)

    def _label(self, message: Image, info: dict[str, int]) -> None:
        self.labels.append((info["source_timestamp"], message))

    def _fact(self, message: String, info: dict[str, int]) -> None:
        self.facts.append((info["source_timestamp"], json.loads(message.data)))


def test_no_frame_is_lost(node: NodeProcess, peer: Peer, models: SimpleNamespace) -> None:
    """All along, the next frame comes as soon as the last one's labels are there."""
    messages, stream = Messages(peer), Stream(peer, "label")
    peer.until(lambda: messages.facts and messages.labels, "listeners")
    messages.labels.clear()
    shown = picture(1)
    first = stream.send(shown)
    assert peer.set_parameter("model", str(models.slow)).successful
    last = first
    announced: list[int] = []

    def is_over() -> bool:
        nonlocal last
        if stream.came(last):
            stream.outputs["label"].clear()
            last = stream.send(shown)
        if len(messages.facts) > 1 and not announced:
            announced.append(last)  # under way already, so perhaps still the old one's
        return bool(announced) and last - max(first + 80, announced[0]) > 20

    peer.until(is_over, "the new model")
    peer.until(lambda: stream.came(last), "the last frame")
    peer.until(lambda: messages.labels[-1][1].header.stamp.sec == last, "the last frame")

    stamps = [label.header.stamp.sec for _, label in messages.labels]
    assert stamps == list(range(first, last + 1))
    old, new = shown.argmax(2), shown.argmin(2)
    is_new = [np.array_equal(pixels(label), new) for _, label in messages.labels]
    is_old = [np.array_equal(pixels(label), old) for _, label in messages.labels]
    assert is_new == [not each for each in is_old] == sorted(is_new)
    assert is_old.count(True) > 20  # the old one went on
    assert is_new.count(True) > 0
    (_, before), (announced, after) = messages.facts
    assert after["version"] == before["version"] + 1
    assert (before["model"], after["model"]) == ("channel", "slow")
    assert after["sha256"] == file_sha256(models.slow / GRAPH)
    assert [entry["name"] for entry in after["classes"]] == ["pit", "moss", "ice"]
    published = [moment for moment, _ in messages.labels]
    switch = is_new.index(True)
    assert published[switch - 1] < announced < published[switch]
    peer.until(lambda: peer.values()["model"] == "slow", "word of it in diagnostics")
    assert peer.values()["model version"] == str(after["version"])
    assert peer.values()["model sha256"] == after["sha256"]
    books = peer.books()
    assert books["failed"] == books["stale"] == 0


def spoiled_graph(model: Path) -> str:
    graph = model / GRAPH
    graph.write_bytes(graph.read_bytes()[:-3])
    return "the file is truncated or was altered"


def spoiled_description(model: Path) -> str:
    (model / "model.yaml").write_text("format: [")
    return "is not readable YAML"


def spoiled_classes(model: Path) -> str:
    rename_classes(model, "red", "red hot", "blue")
    return "expected only classes of channel: red, red hot, blue"


def missing_graph(model: Path) -> str:
    (model / GRAPH).unlink()
    return "cannot be read (No such file or directory)"


@pytest.mark.parametrize(
    "spoil", [spoiled_graph, spoiled_description, spoiled_classes, missing_graph]
)
def test_what_a_look_shows_to_be_broken_is_refused_at_once(
    node: NodeProcess, peer: Peer, models: SimpleNamespace, tmp_path: Path, spoil
) -> None:
    broken = copied(models.channel, tmp_path / "broken")
    reason = spoil(broken)
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    assert peer.set_parameter("taxonomy", str(names)).successful
    stream = Stream(peer, "label")
    answer = peer.set_parameter("model", str(broken))
    assert not answer.successful
    assert reason in answer.reason
    assert peer.parameter("model") == str(models.channel)
    shown = picture(1)
    expected = np.array([0, 1, 1])[shown.argmax(2)]
    np.testing.assert_array_equal(stream.show(shown)["label"], expected)
    assert len(stream.facts) == 1
    assert loaded_message(broken) not in node.text()


def test_what_only_the_runtime_finds_out(
    node: NodeProcess, peer: Peer, models: SimpleNamespace, tmp_path: Path
) -> None:
    stream = Stream(peer, "label")
    names = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    changes = {
        "model": str(models.unloadable), "taxonomy": str(names), "confidence_threshold": 0.3,
    }  # fmt: skip
    assert peer.set_atomically(changes).successful
    words = f"{models.unloadable} is not used, the model loaded before stays: OpenVINO"
    peer.until(lambda: words in node.text(), "the log to tell")
    peer.until(lambda: peer.parameter("model") == str(models.channel), "the old value")
    assert peer.parameter("taxonomy") == ""
    assert peer.parameter("confidence_threshold") == 0.3
    peer.until(lambda: "OpenVINO" in peer.values()["refused swap"], "word of it in diagnostics")
    assert "ArgMax" in peer.values()["refused swap"]
    assert peer.level("node") == DiagnosticStatus.WARN
    assert "channel (version" in peer.message("node")
    assert "stays in use: OpenVINO" in peer.message("node")
    shown = picture(1)
    expected = np.where(shown.max(2) >= 0.3 * 255, shown.argmax(2), 255)
    np.testing.assert_array_equal(stream.show(shown)["label"], expected)
    # All is well again with the next that works.
    assert peer.set_atomically({"confidence_threshold": -1.0}).successful
    assert peer.trigger("reload_model").success
    peer.until(lambda: peer.values()["refused swap"] == "", "the end of the warning")
    peer.until(lambda: peer.level("node") == DiagnosticStatus.OK, "the end of the warning")
    np.testing.assert_array_equal(stream.show(shown)["label"], shown.argmax(2))


def test_with_a_taxonomy_of_its_own(
    node: NodeProcess, peer: Peer, models: SimpleNamespace, tmp_path: Path
) -> None:
    """A model with other classes and what these mean can only come together."""
    stream = Stream(peer, "label")
    ours = write_taxonomy(tmp_path / "heat", {"warm": ["red"], "cold": ["green", "blue"]})
    theirs = write_taxonomy(tmp_path / "ground", {"dry": ["moss"], "wet": ["pit"]}, ["ice"])
    assert peer.set_parameter("taxonomy", str(ours)).successful
    assert "pit, moss, ice" in peer.set_parameter("model", str(models.darkest)).reason
    assert "red, green, blue" in peer.set_parameter("taxonomy", str(theirs)).reason
    changes = {"model": str(models.darkest), "taxonomy": str(theirs)}
    assert peer.set_atomically(changes).successful
    peer.until(lambda: len(stream.facts) == 3, "the exchange")
    shown = picture(1)
    expected = np.array([1, 0, 255])[shown.argmin(2)]
    np.testing.assert_array_equal(stream.show(shown)["label"], expected)
    names = [json.loads(message.data)["taxonomy"] for message in stream.facts]
    assert names == ["", "heat", "ground"]


def test_back_and_forth(node: NodeProcess, peer: Peer, models: SimpleNamespace) -> None:
    """Threads and descriptors are given back."""
    stream = Stream(peer, "label")
    shown = picture(1)
    process = Path(f"/proc/{node.process.pid}")
    sizes = []
    for _ in range(3):
        for model, expected in (
            (models.darkest, shown.argmin(2)),
            (models.channel, shown.argmax(2)),
        ):
            count = len(stream.facts)
            peer.until(lambda m=model: peer.set_parameter("model", str(m)).successful, "its turn")
            peer.until(lambda count=count: len(stream.facts) > count, "the exchange")
            np.testing.assert_array_equal(stream.show(shown)["label"], expected)
        sizes.append([len(list((process / part).iterdir())) for part in ("task", "fd")])
    assert sizes[2][0] <= sizes[0][0] + 1  # one may be about to end
    assert sizes[2][1] == sizes[0][1]


def test_a_picture_larger_than_the_network(
    node: NodeProcess, peer: Peer, models: SimpleNamespace
) -> None:
    """A picture of another size than the network's, right after an exchange."""
    stream = Stream(peer, "label", "confidence")
    count = len(stream.facts)
    assert peer.set_parameter("model", str(models.darkest)).successful
    peer.until(lambda: len(stream.facts) > count, "the exchange")
    large = np.kron(picture(1), np.ones((2, 2, 1), np.uint8))
    stream.publisher.publish(image(large, "rgb8", (77, 0)))
    peer.until(lambda: stream.came(77), "the labels")
    came = stream.of(77)
    np.testing.assert_array_equal(came["label"], large.argmin(2))
    np.testing.assert_array_equal(came["confidence"], large.min(2))
