# SPDX-License-Identifier: Apache-2.0
"""What a measurement may do to its process; in a module, for it travels there by name."""

import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from cases import Case


def behave(case: Case) -> Mapping[str, Any]:
    """Do what a case is named after."""
    match case.subject:
        case "raise":
            msg = "first line\n  second line"
            raise ValueError(msg)
        case "break CUDA":
            msg = "CUDA error: an illegal memory access was encountered"
            raise RuntimeError(msg)
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leave":
            os._exit(3)
        case "hang":
            time.sleep(1000)
    return {"pid": os.getpid(), "batch": case.batch}
