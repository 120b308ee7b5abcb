# SPDX-License-Identifier: Apache-2.0
"""Everything that speaks ROS 2 messages; thin."""
