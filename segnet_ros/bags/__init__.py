"""Recordings: rosbag2 read, labelled, compared and judged without a ROS installation."""
