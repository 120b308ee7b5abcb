# SPDX-License-Identifier: Apache-2.0
"""TensorRT's messages."""

from collections import deque
from typing import Any

_LAYER_STARTS = ("Name: ", "Layer(")
_KEPT_ERRORS = 2


class Log:
    """What is kept of TensorRT's messages; a build writes hundreds of thousands of others.

    Attributes:
        layers: Lines that describe the layers of a finished engine; a build empties it first.

    """

    def __init__(self) -> None:
        self._errors: deque[str] = deque(maxlen=_KEPT_ERRORS)
        self.layers: list[str] = []

    def clear(self) -> None:
        """Forget the errors."""
        self._errors.clear()

    def add(self, message: str, is_error: bool) -> None:
        """Take one message of one or more lines."""
        lines = [line for line in message.splitlines() if line.strip()]
        if is_error:
            self._errors.append(" ".join(lines))
        self.layers += [line for line in lines if line.startswith(_LAYER_STARTS)]

    @property
    def last_errors(self) -> str:
        """The last errors in one line."""
        return "; ".join(self._errors) or "it gave no reason"


def create_logger(module: Any, log: Log) -> Any:
    """An ILogger of some bindings that writes into a log."""
    errors = (module.ILogger.ERROR, module.ILogger.INTERNAL_ERROR)

    class Logger(module.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            module.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            log.add(message, severity in errors)

    return Logger()
