# SPDX-License-Identifier: Apache-2.0
"""The workshop: architectures, recipes, training and export. PyTorch stays in this room."""
