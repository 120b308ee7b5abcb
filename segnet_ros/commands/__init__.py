# SPDX-License-Identifier: Apache-2.0
"""The verbs of the `segnet` command: each module parses its options and calls one room."""
