# SPDX-License-Identifier: Apache-2.0
"""What can be told of an ONNX file before a library reads it: whether it is safe to do so.

Graphs of `segnet export` are one file, a few hundred operators one behind the other. Others may
name files of the machine as their weights, or keep a library busy until its stack overflows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.excerpts import shown
from segnet_ros.inference.onnx_operators import INPUTS

MAX_OPERATORS = 2000
_OPERATOR_SETS = range(13, 100)
_MAX_FIELDS = 200_000

# Messages of onnx.proto by the numbers of the fields that lead to what is of interest.
_FIELDS: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 8: "operators", 20: "training", 25: "function"},
    "operators": {2: "version"},
    "graph": {1: "operator", 5: "tensor", 15: "sparse"},
    "operator": {1: "input", 2: "output", 4: "type", 5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 6: "inner", 10: "tensor", 11: "inner", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "elsewhere", 14: "location"},
}
_NUMBERS = {"version", "location"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BITS = 64
_TAGS = 1 << 32


class _Field(NamedTuple):
    """A number, or where the bytes begin and end."""

    number: int
    wire: int
    value: int
    begin: int
    end: int


class _Part(NamedTuple):
    """A field of interest."""

    kind: str
    value: int
    begin: int
    end: int


def refuse_unsafe_graph(content: bytes, name: str) -> None:
    """Go through an ONNX file without building anything.

    Args:
        content: Of the file.
        name: Of the file, for errors.

    Raises:
        InferenceError: it is no ONNX, keeps weights in other files, nests graphs, or has operators
            that are unknown, lack inputs, or are more than `MAX_OPERATORS`.

    """
    operators = 0
    for part, inside in _parts(content, name):
        operators += part.kind == "operator"
        wrong = _wrong_part(part, operators)
        if part.kind == "operator":
            wrong = wrong or _wrong_operator(content, inside)
        if wrong:
            msg = f"{name} {wrong}; export the model again"
            raise InferenceError(msg)


def _wrong_part(part: _Part, operators: int) -> str:
    if part.kind == "elsewhere" or (part.kind == "location" and part.value):
        return "keeps weights in other files, which nobody verifies; expected all in one"
    if part.kind in ("inner", "training", "function"):
        return "nests graphs; expected operators one behind the other, as `segnet export` writes"
    if part.kind == "version" and part.value not in _OPERATOR_SETS:
        sets = f"{_OPERATOR_SETS[0]}..{_OPERATOR_SETS[-1]}"
        return f"is of ONNX' operator set {part.value}; expected one of {sets}"
    if operators > MAX_OPERATORS:
        return f"has more than {MAX_OPERATORS} operators; expected a graph of `segnet export`"
    return ""


def _wrong_operator(content: bytes, inside: Sequence[_Part]) -> str:
    texts: dict[str, list[bytes]] = {"input": [], "output": [], "type": [], "domain": []}
    for part in inside:
        if part.kind in texts:
            texts[part.kind].append(content[part.begin : part.end])
    kind = b"".join(texts["type"][-1:]).decode(errors="replace")
    if kind not in INPUTS or any(texts["domain"]):
        return f"has an operator {shown(kind)}; expected those of `segnet export`"
    needed, most = INPUTS[kind]
    given = len(texts["input"])
    if not needed <= given <= most or not all((*texts["input"][:needed], *texts["output"][:1])):
        return f"has an operator {kind} with {given} inputs; expected {needed}..{most}"
    return "" if texts["output"] else f"has an operator {kind} without outputs; expected one"


def _parts(content: bytes, name: str) -> Iterator[tuple[_Part, Sequence[_Part]]]:
    """Every part with the parts in it."""
    waiting = [_Part("model", 0, 0, len(content))]
    left = _MAX_FIELDS
    try:
        while waiting:
            part = waiting.pop()
            fields = list(_fields(content, part, left)) if part.kind in _FIELDS else []
            left -= len(fields)
            inside = list(_inside(part, fields))
            waiting += inside
            yield part, inside
    except (LookupError, ValueError) as error:
        msg = f"{name} is no ONNX graph, or is damaged; export the model again"
        raise InferenceError(msg) from error


def _inside(part: _Part, fields: Iterable[_Field]) -> Iterator[_Part]:
    kinds = _FIELDS.get(part.kind, {})
    for number, wire, value, begin, end in fields:
        if number in kinds:
            if wire != (_VARINT if kinds[number] in _NUMBERS else _BYTES):
                raise ValueError
            yield _Part(kinds[number], value, begin, end)


def _fields(content: bytes, part: _Part, most: int) -> Iterator[_Field]:
    position = part.begin
    while position < part.end:
        most -= 1
        field = _field(content, position)
        if field.end > part.end or most < 0:
            raise ValueError
        yield field
        position = field.end


def _field(content: bytes, position: int) -> _Field:
    key, position = _varint(content, position)
    number, wire = key >> 3, key & 7
    if key >= _TAGS:
        raise ValueError
    if wire == _VARINT:
        value, end = _varint(content, position)
        return _Field(number, wire, value, position, end)
    length = _FIXED.get(wire)
    if length is None:
        if wire != _BYTES:
            raise ValueError
        length, position = _varint(content, position)
    return _Field(number, wire, 0, position, position + length)


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits per byte, and where it ends."""
    value = 0
    for shift in range(0, _VARINT_BITS, 7):
        byte = content[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError
