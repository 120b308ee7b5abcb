# SPDX-License-Identifier: Apache-2.0
"""Labelled frames: where they lie, what their labels mean, and how they are read."""
