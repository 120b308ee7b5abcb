# SPDX-License-Identifier: Apache-2.0
"""Exhausted memory, whichever library tells of it."""

from collections.abc import Iterator

_SIGNS = (
    "allocate memory",  # the system, PyTorch
    "unable to allocate",  # NumPy
    "insufficient memory",  # OpenCV
    "bad_alloc",
    "bad allocation",  # ONNX Runtime
    "could not create a primitive",  # oneDNN
    "failed to map segment",  # a library that does not fit any more
    "can't alloc",  # OpenVINO
    "can't start new thread",
    "resource temporarily unavailable",  # the same, from C++
)
_SHOWN = 200


def exhausted_memory(error: BaseException) -> str:
    """What to say of an error, in one line, if it comes of exhausted memory; empty if not."""
    for cause in _chain(error):
        text = " ".join(str(cause).split())
        if isinstance(cause, MemoryError) or any(sign in text.lower() for sign in _SIGNS):
            return (
                f"memory is exhausted ({text[-_SHOWN:] or type(cause).__name__}); end other "
                "programs, raise the limit (ulimit -v, the container's), or give smaller pictures"
            )
    return ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
