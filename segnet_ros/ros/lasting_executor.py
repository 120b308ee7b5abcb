# SPDX-License-Identifier: Apache-2.0
"""An executor that outlives what its callbacks raise."""

from collections.abc import Callable

from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor


class LastingExecutor(SingleThreadedExecutor):  # type: ignore[misc]  # rclpy has no types
    """Tells what a callback raised, and goes on.

    rclpy would end the process. Its own callbacks raise, too: one request to set a parameter whose
    type is none of those that exist, from whoever is on the network, is enough.

    Args:
        report: Told, in the executor's thread, what a callback raised; its request stays
            unanswered.
        context: Of the nodes; None for the default one.

    """

    def __init__(self, report: Callable[[Exception], None], context: Context | None = None) -> None:
        super().__init__(context=context)
        self._report = report

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Run one callback that is ready, waiting for it at most so many seconds.

        Raises:
            ExternalShutdownException: somebody else has shut the context down.

        """
        try:
            super().spin_once(timeout_sec)
        except ExternalShutdownException:
            raise
        except Exception as error:  # noqa: BLE001  # what callbacks raise
            self._report(error)
