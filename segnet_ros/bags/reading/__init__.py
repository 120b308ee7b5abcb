# SPDX-License-Identifier: Apache-2.0
"""Files of recordings, of every kind and in any state."""
