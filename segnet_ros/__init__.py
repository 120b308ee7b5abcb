# SPDX-License-Identifier: Apache-2.0
"""Real-time semantic segmentation with SegNet for ROS 2."""

from segnet_ros.inference.opencv_limits import limit_opencv

limit_opencv()
