"""Real-time semantic segmentation with SegNet for ROS 2."""
