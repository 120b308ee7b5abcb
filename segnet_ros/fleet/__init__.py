# SPDX-License-Identifier: Apache-2.0
"""Jobs on many recordings, on the workers of a Ray cluster."""

import os

# Ray reads these when it is imported: it reports nothing about its use to anybody, and prints
# nothing; what goes wrong is told by our own errors.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
