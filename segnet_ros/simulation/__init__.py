# SPDX-License-Identifier: Apache-2.0
"""Rendered street scenes with exact labels."""
