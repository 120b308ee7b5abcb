# SPDX-License-Identifier: Apache-2.0
"""Real-time semantic segmentation with SegNet for ROS 2."""
