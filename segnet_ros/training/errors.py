# SPDX-License-Identifier: Apache-2.0
"""What stops the workshop."""


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says what to change."""


class ExportError(RuntimeError):
    """A model folder cannot be written, or a graph does not do what its network does."""
