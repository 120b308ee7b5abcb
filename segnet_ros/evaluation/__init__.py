# SPDX-License-Identifier: Apache-2.0
"""Labelled frames and the scores of a model on them."""
