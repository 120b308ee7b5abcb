# SPDX-License-Identifier: Apache-2.0
"""What there is to measure, the most important first: time on a GPU is short."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any

PROBE = "TensorRT at all"
CEILINGS = "ceilings"
TENSORRT = "TensorRT"
EAGER = "PyTorch eager"
COMPILED = "torch.compile"
COMPILED_BITS = "torch.compile, two-bit switches"
ONNX_RUNTIME = "ONNX Runtime CUDA"
ACCURACY = "accuracy"

AS_IT_COMES = "as it comes"
CURRENT = "CURRENT"
TARGETS = (AS_IT_COMES, CURRENT, "SM80", "SM86", "SM89", "SM120")
"""What TensorRT-RTX's builder can be told to build for; segnet_ros tells it `CURRENT`."""
RAN = "ran, right result"
"""The verdict of a probe that shows no fault."""

REFERENCES = (EAGER, COMPILED, COMPILED_BITS, ONNX_RUNTIME)
"""What TensorRT is compared with."""

_SECONDS = {COMPILED: 240.0, COMPILED_BITS: 240.0}
_SECONDS_OF_OTHERS = 100.0


@dataclass(frozen=True)
class Case:
    """One thing to measure. Its fields are also its identity in the results.

    Attributes:
        subject: One of the constants above.
        network: Architecture; for `ACCURACY` the name of a trained model; for `PROBE` one of
            `TARGETS`; empty for `CEILINGS`.
        width: Of the network's input, pixels.
        height: Of the network's input, pixels.
        batch: Frames per inference.
        precision: Of the arithmetic.

    """

    subject: str
    network: str = ""
    width: int = 0
    height: int = 0
    batch: int = 1
    precision: str = "fp16"

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.width, self.height

    @property
    def in_words(self) -> str:
        """For people."""
        if self.subject in (PROBE, CEILINGS):
            return f"{self.subject} {self.network}".rstrip()
        size = f" {self.width}x{self.height} batch {self.batch}" if self.width else ""
        return f"{self.subject}: {self.network}{size} {self.precision}"

    @property
    def seconds(self) -> float:
        """How long it may take: whatever takes longer has hung."""
        return _SECONDS.get(self.subject, _SECONDS_OF_OTHERS)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Scope:
    """What the cases are made of; in each sequence, the most important comes first.

    Attributes:
        networks: Architectures, measured with random weights.
        sizes: (width, height) of the networks' inputs.
        batches: Frames per inference.
        models: Precisions by name of a trained model whose answers are checked.
        precisions: Of TensorRT engines.

    """

    networks: Sequence[str] = ("segnet", "segnet_basic", "segnet_light")
    sizes: Sequence[tuple[int, int]] = ((480, 360), (640, 480), (1024, 512), (1280, 720))
    batches: Sequence[int] = (1, 8, 4)
    models: Mapping[str, Sequence[str]] = field(default_factory=dict)
    precisions: Sequence[str] = ("fp16", "int8", "fp8")


def plan(scope: Scope) -> list[Case]:
    """All cases in the order in which to measure them."""
    main, *others = scope.networks
    first = scope.sizes[:1]
    one, *more = scope.batches
    ordered = [
        *(Case(PROBE, target) for target in TARGETS),
        Case(CEILINGS),
        *_cases([TENSORRT, COMPILED, EAGER], [main], first, [one]),
        *_cases([TENSORRT], [main], first, more[:1]),
        *_cases([TENSORRT], [main], first, [one, *more[:1]], scope.precisions),
        *_accuracy(scope),
        *_cases([ONNX_RUNTIME, COMPILED_BITS], [main], first, [one]),
        *_cases([TENSORRT], others, first, [one, *more[:1]], scope.precisions),
        *_cases([EAGER, COMPILED], others, first, [one]),
        *_cases([TENSORRT], scope.networks, scope.sizes, [one], scope.precisions),
        *_cases([TENSORRT], scope.networks, scope.sizes, scope.batches, scope.precisions),
        *_cases([EAGER], scope.networks, scope.sizes, scope.batches),
        *_cases([COMPILED], [main], first, more[:1]),
        *_cases([COMPILED], scope.networks, scope.sizes, [one]),
    ]
    return list(dict.fromkeys(ordered))


def _cases(
    subjects: Sequence[str],
    networks: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    batches: Sequence[int],
    precisions: Sequence[str] = ("fp16",),
) -> Iterator[Case]:
    for precision, batch, size, network, subject in product(
        precisions, batches, sizes, networks, subjects
    ):
        yield Case(subject, network, *size, batch, precision)


def _accuracy(scope: Scope) -> Iterator[Case]:
    for name, precisions in scope.models.items():
        for precision in precisions:
            yield Case(ACCURACY, name, precision=precision)
