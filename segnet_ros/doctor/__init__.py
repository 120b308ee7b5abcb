# SPDX-License-Identifier: Apache-2.0
"""What is wrong with this machine, and what to do: one small file per area."""
