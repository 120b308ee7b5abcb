# SPDX-License-Identifier: Apache-2.0
"""Images straight from the middleware, past the executor.

For each message that it handles, rclpy's executor goes twice through every timer, service, event
and subscription of its nodes. There are dozens, and 30 images a second from each camera. A thread
that waits for nothing but images does without, and no service or report delays an image.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.subscription import Subscription

_FOREVER = -1


class Unattended(CallbackGroup):  # type: ignore[misc]  # rclpy has no types
    """What is in this group the executor leaves alone."""

    def can_execute(self, _entity: Any) -> bool:
        """Never, for an executor."""
        return False

    def beginning_execution(self, _entity: Any) -> bool:
        """Never, for an executor."""
        return False

    def ending_execution(self, _entity: Any) -> None:
        """Nothing was begun."""


class UnreadableMessageError(Exception):
    """The middleware got bytes that it cannot make a message of; it tells nothing more."""


class ImageReader:
    """Takes messages of some subscriptions and hands them to their callbacks, in its own thread.

    Args:
        context: The node's.
        report: Told, in the reader's thread, why a message was lost.

    Attributes:
        group: For the subscriptions that are to be read here.

    """

    def __init__(self, context: Context, report: Callable[[Exception], None]) -> None:
        self._context = context
        self._report = report
        self.group = Unattended()
        self._lock = threading.Lock()
        self._subscriptions: list[Subscription] = []
        self._version = 0
        self._running = True
        self._changed = GuardCondition(None, None, context=context)
        self._thread = threading.Thread(target=self._work, name="images", daemon=True)
        self._thread.start()

    def add(self, subscription: Subscription) -> None:
        """Begin to read a subscription of `group`; its callback must return at once."""
        self._change(lambda: self._subscriptions.append(subscription))

    def remove(self, subscription: Subscription) -> None:
        """Read it no more; a message just taken may still be handed over. Then destroy it."""
        self._change(lambda: self._subscriptions.remove(subscription))

    def close(self) -> None:
        """End the thread."""
        self._running = False
        self._change(lambda: None)
        self._thread.join()
        self._changed.destroy()

    def _change(self, change: Callable[[], None]) -> None:
        with self._lock:
            change()
            self._version += 1
        self._changed.trigger()

    def _work(self) -> None:
        while self._running:
            with ExitStack() as kept:
                version, subscriptions = self._hold(kept)
                self._read(subscriptions, version)

    def _hold(self, kept: ExitStack) -> tuple[int, list[Subscription]]:
        """What is to be read; while a handle is held it outlives its subscription's destruction."""
        # All under the lock: nothing is destroyed before it is removed.
        with self._lock:
            subscriptions = list(self._subscriptions)
            for entity in (*subscriptions, self._changed):
                kept.enter_context(entity.handle)
            return self._version, subscriptions

    def _read(self, subscriptions: list[Subscription], version: int) -> None:
        """Until there is a change."""
        waiting = rclpy_implementation.WaitSet(
            len(subscriptions), 1, 0, 0, 0, 0, self._context.handle
        )
        while version == self._version:
            waiting.clear_entities()
            for subscription in subscriptions:
                waiting.add_subscription(subscription.handle)
            waiting.add_guard_condition(self._changed.handle)
            waiting.wait(_FOREVER)
            ready = waiting.get_ready_entities("subscription")
            for subscription in subscriptions:
                if subscription.handle.pointer in ready:
                    self._take(subscription)

    def _take(self, subscription: Subscription) -> None:
        try:
            _hand_over(subscription)
        except Exception as error:  # noqa: BLE001  # the thread must outlive any message
            self._report(error)


def _hand_over(subscription: Subscription) -> None:
    taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
    if taken is None:
        raise _unreadable(subscription)
    subscription.callback(taken[0])


def _unreadable(subscription: Subscription) -> UnreadableMessageError:
    kind = subscription.msg_type.__name__
    return UnreadableMessageError(
        f"what came on {subscription.topic_name} is no {kind}, or not a whole one; check what "
        "publishes there: `ros2 topic info --verbose` names it"
    )
