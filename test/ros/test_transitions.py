# SPDX-License-Identifier: Apache-2.0
"""A genuine lifecycle node that is slow to configure, and its operator."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from peer import Peer, claim_domain
from rcl_interfaces.srv import ListParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from segnet_ros.ros.background import in_executor
from segnet_ros.ros.transitions import Transitions


class SlowNode(LifecycleNode):
    """Configures until it is told to go on, or interrupted."""

    def __init__(self, context: rclpy.Context) -> None:
        super().__init__("segmentation", context=context)
        self.transitions = Transitions(self)
        self.proceed = threading.Event()
        self.in_executor: Callable[[], Any] = threading.current_thread
        self.answer: Any = None

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        while not self.proceed.wait(0.02):
            if self.transitions.interrupted.is_set():
                return TransitionCallbackReturn.FAILURE
        try:
            self.answer = in_executor(self.executor, self.in_executor)
        except ZeroDivisionError as error:
            self.answer = error
        return TransitionCallbackReturn.SUCCESS


@pytest.fixture(autouse=True)
def fresh_domain(own_domain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """rclpy keeps a destroyed node's lifecycle services for a while: requests would go there."""
    monkeypatch.setenv("ROS_DOMAIN_ID", claim_domain())


@pytest.fixture
def context(fresh_domain: None) -> Iterator[rclpy.Context]:
    context = rclpy.Context()
    context.init(args=[])
    yield context
    context.shutdown()


@pytest.fixture
def node(context: rclpy.Context) -> Iterator[SlowNode]:
    node = SlowNode(context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            executor.spin_once(timeout_sec=0.05)

    thread = threading.Thread(target=spin, name="executor")
    thread.start()
    yield node
    node.proceed.set()
    ended.set()
    thread.join()
    executor.shutdown()
    node.destroy_node()


def ask(peer: Peer, transition: Transition) -> Any:
    """The future of an answer."""
    request = ChangeState.Request(transition=transition)
    return peer.ask(ChangeState, "/segmentation/change_state", request)


@pytest.fixture
def configuring(node: SlowNode, peer: Peer) -> Any:
    future = ask(peer, Transition(label="configure"))
    peer.until(lambda: peer.state() == "configuring", "configure to begin")
    return future


def test_the_node_answers_while_it_configures(node: SlowNode, peer: Peer, configuring: Any) -> None:
    name = "/segmentation/list_parameters"
    assert peer.call(ListParameters, name, ListParameters.Request()).result.names
    assert not node.transitions.idle
    assert not configuring.done()
    node.proceed.set()
    peer.until(configuring.done, "the answer")
    assert configuring.result().success
    assert peer.state() == "inactive"
    assert node.transitions.idle


@pytest.mark.parametrize(
    "transition",
    [
        Transition(label="configure"),
        Transition(label="cleanup"),
        Transition(id=1),
        Transition(id=3),
    ],
)
def test_a_second_transition_is_refused(
    node: SlowNode, peer: Peer, configuring: Any, transition: Transition
) -> None:
    request = ChangeState.Request(transition=transition)
    assert not peer.call(ChangeState, "/segmentation/change_state", request).success
    assert peer.state() == "configuring"
    node.proceed.set()
    peer.until(configuring.done, "the answer")
    assert configuring.result().success


@pytest.mark.parametrize(
    "transition", [Transition(label="shutdown"), *(Transition(id=number) for number in (5, 6, 7))]
)
def test_shutdown_ends_it(peer: Peer, configuring: Any, transition: Transition) -> None:
    request = ChangeState.Request(transition=transition)
    assert peer.call(ChangeState, "/segmentation/change_state", request).success
    assert peer.state() == "finalized"
    peer.until(configuring.done, "the answer")
    assert not configuring.result().success


def test_an_interruption_does_not_outlast_its_transition(node: SlowNode, peer: Peer) -> None:
    first = ask(peer, Transition(label="configure"))
    peer.until(lambda: peer.state() == "configuring", "configure to begin")
    node.transitions.interrupted.set()
    peer.until(first.done, "the answer")
    assert not first.result().success
    node.proceed.set()
    assert peer.transition("configure")


@pytest.mark.parametrize(
    "transition", [Transition(id=3), Transition(id=99), Transition(label="activate")]
)
def test_an_impossible_transition_is_refused(
    node: SlowNode, peer: Peer, transition: Transition
) -> None:
    request = ChangeState.Request(transition=transition)
    assert not peer.call(ChangeState, "/segmentation/change_state", request).success
    assert peer.state() == "unconfigured"
    assert node.transitions.idle


def test_by_itself_it_configures_and_activates(node: SlowNode, peer: Peer) -> None:
    node.transitions.start()
    peer.until(lambda: peer.state() == "configuring", "configure to begin")
    assert not peer.transition("configure")
    node.proceed.set()
    peer.until(lambda: peer.state() == "active", "the node to be active")


def test_what_fails_to_configure_is_not_activated(node: SlowNode, peer: Peer) -> None:
    node.transitions.start()
    peer.until(lambda: peer.state() == "configuring", "configure to begin")
    node.transitions.interrupted.set()
    peer.until(lambda: node.transitions.idle, "the end of it")
    assert peer.state() == "unconfigured"


def test_somebody_else_may_be_quicker(node: SlowNode, peer: Peer) -> None:
    node.proceed.set()
    assert peer.transition("configure")
    node.transitions.start()
    peer.until(lambda: node.transitions.idle, "the end of it")
    assert peer.state() == "inactive"
    assert peer.transition("activate")


def test_stopped_it_answers_and_begins_nothing_more(
    node: SlowNode, peer: Peer, configuring: Any
) -> None:
    node.transitions.stop()
    peer.until(lambda: node.transitions.idle, "the end of it")
    peer.until(configuring.done, "the answer")
    assert not configuring.result().success
    node.proceed.set()
    assert not peer.transition("configure")
    node.transitions.start()
    assert peer.state() == "unconfigured"


def test_entities_are_made_in_the_executors_thread(node: SlowNode, peer: Peer) -> None:
    node.proceed.set()
    assert peer.transition("configure")
    assert node.answer.name == "executor"


def test_what_fails_in_the_executor_is_raised_in_the_transition(node: SlowNode, peer: Peer) -> None:
    node.proceed.set()
    node.in_executor = lambda: 1 // 0
    assert peer.transition("configure")
    assert isinstance(node.answer, ZeroDivisionError)
