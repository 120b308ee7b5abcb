"""What stops a training run."""


class TrainingError(RuntimeError):
    """Training cannot start or go on; the message says what to change."""
