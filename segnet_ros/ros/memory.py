"""Memory of pictures that is kept for the next ones."""

import ctypes

# From glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_PICTURE = 32 << 20  # the most that glibc takes for the latter
_KEPT = 256 << 20


def keep_freed_pictures() -> bool:
    """Let the process keep the memory that it frees; call before any picture is made.

    glibc returns a freed picture to the kernel, which then hands it out again page by page, zeroed:
    thousands of page faults per frame, 2 to 3 ms of CPU time at 720p.

    Returns:
        Whether this C library can.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _KEPT) and mallopt(_MMAP_THRESHOLD, _LARGEST_PICTURE))
