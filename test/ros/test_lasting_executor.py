# SPDX-License-Identifier: Apache-2.0

import threading

import pytest
import rclpy
from peer import Peer
from rclpy.executors import ExternalShutdownException
from std_srvs.srv import Trigger

from segnet_ros.ros.lasting_executor import LastingExecutor


def test_it_tells_what_callbacks_raise_and_goes_on(peer: Peer) -> None:
    told: list[Exception] = []
    context = rclpy.Context()
    context.init(args=[])
    node = rclpy.create_node("lasting", context=context)
    error = ValueError("no such type")
    answers = iter([error])

    def answer(_request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        for raised in answers:
            raise raised
        response.message = "here"
        return response

    node.create_service(Trigger, "/ask", answer)
    executor = LastingExecutor(told.append, context)
    executor.add_node(node)
    ended = threading.Event()

    def spin() -> None:
        while not ended.is_set():
            executor.spin_once(0.05)

    thread = threading.Thread(target=spin)
    thread.start()
    client = peer.node.create_client(Trigger, "/ask")
    peer.until(client.service_is_ready, "the service")
    lost = client.call_async(Trigger.Request())
    peer.until(lambda: told, "what was raised")
    assert peer.read(Trigger, "/ask", Trigger.Request()).message == "here"
    ended.set()
    thread.join()
    assert told == [error]
    assert not lost.done()
    executor.shutdown()
    node.destroy_node()
    context.shutdown()


def test_the_end_of_the_context_is_no_failure_of_a_callback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ended(*_: object) -> None:
        raise ExternalShutdownException

    told: list[Exception] = []
    context = rclpy.Context()
    context.init(args=[])
    executor = LastingExecutor(told.append, context)
    monkeypatch.setattr(executor, "wait_for_ready_callbacks", ended)
    with pytest.raises(ExternalShutdownException):
        executor.spin_once(0.05)
    assert told == []
    executor.shutdown()
    context.shutdown()
