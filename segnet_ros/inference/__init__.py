# SPDX-License-Identifier: Apache-2.0
"""What runs on the vehicle: NumPy, OpenCV and one runtime library."""
