# SPDX-License-Identifier: Apache-2.0
"""Operators that a graph may have: those of networks that label pictures.

OpenVINO's reader does not look whether an operator has all its inputs, and ends the process where
one is missing.
"""

from collections.abc import Mapping

_MANY = 1000

INPUTS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("Constant",), (0, 0)),
    **dict.fromkeys(
        (
            "Abs", "ArgMax", "ArgMin", "AveragePool", "Cast", "Ceil", "ConstantOfShape",
            "DepthToSpace", "Elu", "Erf", "Exp", "Flatten", "Floor", "GlobalAveragePool",
            "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity", "LRN", "LeakyRelu", "Log",
            "LogSoftmax", "MaxPool", "Neg", "Not", "Reciprocal", "Relu", "Round", "Shape",
            "Sigmoid", "Sign", "Softmax", "Softplus", "SpaceToDepth", "Sqrt", "Tanh", "Transpose",
        ),
        (1, 1),
    ),
    **dict.fromkeys(
        (
            "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "Div", "Equal", "Expand",
            "Gather", "GatherElements", "Greater", "GreaterOrEqual", "Less", "LessOrEqual",
            "MatMul", "Mod", "Mul", "Or", "PRelu", "Pow", "Reshape", "Sub", "Tile", "Unsqueeze",
            "Xor",
        ),
        (2, 2),
    ),
    **dict.fromkeys(
        ("ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Split", "Squeeze"),
        (1, 2),
    ),
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm"), (2, 3)),
    **dict.fromkeys(("DequantizeLinear", "QuantizeLinear"), (2, 3)),
    **dict.fromkeys(("Concat", "Max", "Min", "Sum"), (1, _MANY)),
    "BatchNormalization": (5, 5),
    "Clip": (1, 3),
    "InstanceNormalization": (3, 3),
    "Pad": (2, 4),
    "Resize": (1, 4),
    "Slice": (3, 5),
    "Where": (3, 3),
}  # fmt: skip
"""Inputs that an operator of ONNX needs, and those that it may have, since operator set 13."""
