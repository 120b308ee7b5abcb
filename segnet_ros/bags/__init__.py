# SPDX-License-Identifier: Apache-2.0
"""Recordings: rosbag2 read, labelled, compared and judged without a ROS installation."""
