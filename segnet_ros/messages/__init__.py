"""What messages hold, as NumPy arrays and facts; no ROS installation is needed."""
