# SPDX-License-Identifier: Apache-2.0
"""The scripts of bench and bench/gpu import each other as they do when one of them is run."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_BENCH = _HERE.parents[1] / "bench"
sys.path[:0] = [str(_BENCH), str(_BENCH / "gpu"), str(_HERE)]
