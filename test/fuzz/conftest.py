# SPDX-License-Identifier: Apache-2.0
"""The targets import each other as they do when run.py is run."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
