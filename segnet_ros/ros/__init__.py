"""Everything that speaks ROS 2 messages; thin."""
