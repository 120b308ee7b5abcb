# SPDX-License-Identifier: Apache-2.0
"""What the checks look at, so that tests can hand them another machine."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_MODEL = "segnet_light_camvid"


@dataclass(frozen=True)
class Surroundings:
    """A machine, and what the user wants of it.

    Attributes:
        root: Where its file system begins.
        environment: Its environment variables; only those that a check names are ever shown.
        model: Folder or shipped name of the model to look at; None is every shipped one.
        cache: Folder of built engines; None is the user's cache folder.

    """

    root: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    model: str | None = None
    cache: Path | None = None

    @property
    def wanted_model(self) -> str:
        """The model that shall run."""
        return self.model or DEFAULT_MODEL

    def read(self, relative: str) -> str:
        """A file's text; empty if it cannot be read."""
        try:
            # Device trees end their texts with a NUL.
            text = (self.root / relative).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return text.replace("\0", "")

    def variable(self, name: str) -> str:
        """An environment variable; empty if it is not set."""
        return self.environment.get(name, "")

    def ros_distributions(self) -> list[str]:
        """Names of the ROS distributions that apt installed."""
        return sorted(path.parent.name for path in self.root.glob("opt/ros/*/setup.bash"))

    def prefixes(self) -> Iterator[Path]:
        """Where packages that ament can find are installed, by AMENT_PREFIX_PATH."""
        for entry in self.variable("AMENT_PREFIX_PATH").split(os.pathsep):
            if entry:
                yield Path(entry)
