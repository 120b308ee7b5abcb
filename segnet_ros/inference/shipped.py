# SPDX-License-Identifier: Apache-2.0
"""Where the files that come with the package lie: models, configuration, launch files."""

import os
import sys
from pathlib import Path

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import shown

PACKAGE = "segnet_ros"
_ENGINES = "engines"


def shipped(relative: str) -> Path:
    """Find a shipped file or folder, such as `config/fastdds.xml`.

    Looks in the source tree, in the ROS workspaces on AMENT_PREFIX_PATH and in the Python
    environment, in this order.

    Raises:
        InferenceError: it is in none of them.

    """
    for root in _roots():
        if (root / relative).exists():
            return root / relative
    searched = ", ".join(str(root) for root in _roots())
    msg = f"{relative} is not installed; looked in {searched}"
    raise InferenceError(msg)


def find_model(name: str) -> Path:
    """Turn a model's folder, or the name of a shipped model, into its folder.

    Raises:
        InferenceError: it is neither.

    """
    try:
        folder = Path(name).expanduser()
        return folder if folder.is_dir() else shipped(f"{_ENGINES}/{name}")
    # RuntimeError: ~ of an unknown user; OSError: too long for a name.
    except (InferenceError, OSError, RuntimeError):
        msg = (
            f"no model {shown(name)}; expected a folder with model.yaml, or one of the shipped "
            f"models: {', '.join(shipped_models()) or 'none is installed'}"
        )
        raise InferenceError(msg) from None


def shipped_models() -> list[str]:
    """Names of the models that `find_model` knows, sorted."""
    found = {
        path.parent.name for root in _roots() for path in root.glob(f"{_ENGINES}/*/model.yaml")
    }
    return sorted(found)


def _roots() -> list[Path]:
    source = Path(__file__).resolve().parents[2]
    workspaces = [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    installed = [prefix / "share" / PACKAGE for prefix in (*workspaces, Path(sys.prefix))]
    return [source, *installed]
