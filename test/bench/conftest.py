"""The scripts of bench/gpu import each other as they do when one of them is run."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parents[1] / "bench" / "gpu"), str(_HERE)]
