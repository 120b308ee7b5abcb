# SPDX-License-Identifier: Apache-2.0
"""Pictures that say whose they are: camera, number and stamp as coloured blocks.

A model that answers with the brightest channel turns them into labels that say the same, so that
every label can be proven to belong to its camera and its stamp.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_ROWS, _COLUMNS = 4, 8
_BASE = 3  # red, green, blue
_DIGITS = {"camera": 2, "number": 12, "moment": 18}
_PROBES = (0.25, 0.5, 0.75)  # where a block is read, as a share of its side
_BRIGHT, _DARK = 220, 20


@dataclass(frozen=True)
class Code:
    """What a picture says.

    Attributes:
        camera: 0..8.
        number: Of the frame, 0..531440; starts again after that.
        moment: `moment_of` its stamp.

    """

    camera: int
    number: int
    moment: int


def moment_of(stamp_ns: int) -> int:
    """Microseconds of a stamp, of which a picture holds the last 387 s."""
    return int(stamp_ns // 1000 % _BASE ** _DIGITS["moment"])


def draw(picture: Pixels, camera: int, number: int, stamp_ns: int) -> None:
    """Paint a code over a whole picture, uint8 [H, W, 3] RGB."""
    values = (camera, number, moment_of(stamp_ns))
    digits = [
        d for value, n in zip(values, _DIGITS.values(), strict=True) for d in _split(value, n)
    ]
    rows, columns = _edges(picture.shape[0], _ROWS), _edges(picture.shape[1], _COLUMNS)
    for index, digit in enumerate(digits):
        row, column = divmod(index, _COLUMNS)
        block = picture[rows[row] : rows[row + 1], columns[column] : columns[column + 1]]
        block[:] = _DARK
        block[..., digit] = _BRIGHT


def read(labels: Pixels) -> Code | None:
    """The code in labels uint8 [H, W] of any size; None if they are not one.

    Every block is read in nine places, which must agree: halves of two pictures are no code.
    """
    rows, columns = _probes(labels.shape[0], _ROWS), _probes(labels.shape[1], _COLUMNS)
    seen = labels[np.ix_(rows, columns)].reshape(_ROWS, len(_PROBES), _COLUMNS, len(_PROBES))
    digits = seen[:, 0, :, 0]
    if (seen != digits[:, None, :, None]).any() or (digits >= _BASE).any():
        return None
    ends = np.cumsum(list(_DIGITS.values()))[:-1]
    return Code(*(_join(part) for part in np.split(digits.reshape(-1), ends)))


def _split(value: int, digits: int) -> list[int]:
    return [value // _BASE**place % _BASE for place in reversed(range(digits))]


def _join(digits: Pixels) -> int:
    value = 0
    for digit in digits.tolist():
        value = value * _BASE + digit
    return value


def _edges(length: int, parts: int) -> list[int]:
    return [round(length * part / parts) for part in range(parts + 1)]


def _probes(length: int, parts: int) -> list[int]:
    return [int(length * (part + place) / parts) for part in range(parts) for place in _PROBES]
