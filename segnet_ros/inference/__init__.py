"""What runs on the vehicle: NumPy, OpenCV and one runtime library."""
