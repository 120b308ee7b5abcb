# SPDX-License-Identifier: Apache-2.0
"""The main job end to end: replay, node, recording, report."""
