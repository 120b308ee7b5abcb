# SPDX-License-Identifier: Apache-2.0
"""`python -m segnet_ros` is the `segnet` command."""

import sys

from segnet_ros.cli import main

if __name__ == "__main__":
    sys.exit(main())
