# SPDX-License-Identifier: Apache-2.0
"""Lifecycle transitions: configure in a thread of its own, so that the node answers meanwhile."""

import threading
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.task import Future

from segnet_ros.ros.background import in_thread
from segnet_ros.ros.failure import in_words

_SHUTDOWNS = (
    Transition.TRANSITION_UNCONFIGURED_SHUTDOWN,
    Transition.TRANSITION_INACTIVE_SHUTDOWN,
    Transition.TRANSITION_ACTIVE_SHUTDOWN,
)


class Transitions:
    """Takes over a node's change_state service.

    rclpy answers it after the transition and serves nothing else until then, neither state nor
    parameters nor diagnostics, while configure may build an engine for minutes. Here a coroutine
    waits for a thread instead, and the executor goes on. A MultiThreadedExecutor would do that,
    too, but takes every frame through a thread pool (per 720p image 1.65 times the processor time,
    and twice the time until the worker has it), and would let transitions change what rclpy is
    reading: its parameters and waitables have no locks. Only `on_configure` runs in the thread,
    and makes ROS entities by `in_executor` (background.py).

    Args:
        node: Its executor must be spinning whenever a transition is to be made.

    Attributes:
        interrupted: Set when the configure in progress is to give up soon, by returning FAILURE.

    """

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self.interrupted = threading.Event()
        self._configured = Future()
        self._configured.set_result(None)
        self._thread = threading.Thread()
        self._unanswered = 0
        self._stopped = False
        service = next(s for s in node.services if s.srv_type is ChangeState)
        self._transit = service.callback
        service.callback = self._change_state
        # Asked for a second transition while one is in progress, the node is to answer.
        service.callback_group = ReentrantCallbackGroup()
        service.callback_group.add_entity(service)

    @property
    def idle(self) -> bool:
        """Whether none is in progress and every request is answered."""
        return not (self._thread.is_alive() or self._unanswered)

    def start(self) -> None:
        """Configure and activate without being asked."""
        self._unanswered += 1
        self._node.executor.create_task(self._configure_and_activate)

    def stop(self) -> None:
        """Begin nothing more, and interrupt what is in progress."""
        self._stopped = True
        self.interrupted.set()

    async def _configure_and_activate(self) -> None:
        try:
            if not self._stopped and self._configured.done():
                result = await self._configure(self._node.trigger_configure)
                if result == TransitionCallbackReturn.SUCCESS and not self._stopped:
                    self._node.trigger_activate()
        except RuntimeError:  # somebody else was quicker with another transition
            pass
        except MemoryError as error:
            self._node.get_logger().error(f"cannot configure: {in_words(error)}")
        finally:
            self._unanswered -= 1

    async def _change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        self._unanswered += 1
        try:
            return await self._serve(request, response)
        except RuntimeError:  # rclpy's answer to a transition that the state does not have
            self._node.get_logger().error("refused a transition that this state does not have")
            return response
        except MemoryError as error:
            self._node.get_logger().error(f"refused a transition: {in_words(error)}")
            return response
        finally:
            self._unanswered -= 1

    async def _serve(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        while not self._configured.done():
            if not _is_shutdown(request.transition):
                self._node.get_logger().warning(
                    "refused a transition while configure is in progress; only shutdown ends that"
                )
                return response
            self.interrupted.set()
            # By label: the number names a state, which will be another one.
            request.transition.label = "shutdown"
            await self._configured
        if self._stopped:
            return response
        if _is_configure(request.transition):
            return await self._configure(lambda: self._transit(request, response))
        return self._transit(request, response)

    def _configure(self, transition: Callable[[], Any]) -> Future:
        """Start the transition in a thread; the future gives what it returns."""
        self.interrupted.clear()
        self._configured, self._thread = in_thread(self._node.executor, "configure", transition)
        return self._configured


def _is_configure(transition: Transition) -> bool:
    if transition.label:
        return bool(transition.label == "configure")
    return bool(transition.id == Transition.TRANSITION_CONFIGURE)


def _is_shutdown(transition: Transition) -> bool:
    if transition.label:
        return bool(transition.label == "shutdown")
    return transition.id in _SHUTDOWNS
