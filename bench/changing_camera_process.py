# SPDX-License-Identifier: Apache-2.0
"""`changing_camera.py` from outside: orders, and what it said it has sent."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("changing_camera.py")
_FOREVER = 1_000_000


@dataclass(frozen=True)
class Sent:
    """A frame.

    Attributes:
        label: That of every pixel, from the model that answers with the brightest channel.
        shape: [H, W] of the picture, and so of its label.

    """

    label: int
    shape: tuple[int, int]


class ChangingCamera:
    """A camera's process; `listen` before asking what it said.

    Args:
        topic: Full name.
        best_effort: Its quality of service; else it is reliable.
        environment: Variables of the process; without, this one's.

    Attributes:
        sent: Every frame that was published, by its stamp.
        moments: When it was a "publisher" and "ready", nanoseconds.

    """

    def __init__(
        self,
        topic: str,
        best_effort: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        options = ["--best-effort"] if best_effort else []
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), "--topic", topic, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=environment,
        )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._heard = b""
        self._orders = 0
        self.sent: dict[int, Sent] = {}
        self.moments: dict[str, int] = {}

    def order(
        self,
        encoding: str = "rgb8",
        size: tuple[int, int] = (640, 480),
        count: int = _FOREVER,
        rate: float = 30.0,
    ) -> None:
        """Have frames sent, after those ordered before; without a count for ever."""
        self._orders += 1
        assert self._process.stdin is not None
        line = {"encoding": encoding, "size": size, "count": count, "rate": rate}
        self._process.stdin.write(f"{json.dumps(line)}\n".encode())

    @property
    def is_ready(self) -> bool:
        """Whether somebody has subscribed."""
        self.listen()
        return "ready" in self.moments

    @property
    def is_done(self) -> bool:
        """Whether it followed every order."""
        self.listen()
        return self._orders == 0

    def listen(self) -> None:
        """Take in what it said meanwhile."""
        assert self._process.stdout is not None
        *lines, self._heard = (self._heard + (self._process.stdout.read() or b"")).split(b"\n")
        for line in lines:
            self._note(json.loads(line))

    def kill(self) -> None:
        """End it without any warning; every frame but the last one was told."""
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGINT) -> None:
        """End the process by a signal, and take in what it said until then."""
        self._process.send_signal(number)
        self._process.wait()
        self.listen()

    def close(self) -> None:
        """End it if that was not done."""
        if self._process.poll() is None:
            self.end()

    def _note(self, facts: Mapping[str, Any]) -> None:
        if "stamp" in facts:
            width, height = facts["size"]
            self.sent[facts["stamp"]] = Sent(facts["label"], (height, width))
        elif "done" in facts:
            self._orders -= 1
        else:
            self.moments.update(facts)
