# SPDX-License-Identifier: Apache-2.0
"""What messages hold, as NumPy arrays and facts; no ROS installation is needed."""
