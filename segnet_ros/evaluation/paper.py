# SPDX-License-Identifier: Apache-2.0
"""What the SegNet paper measured: arXiv 1511.00561v3, Tables 1, 2, 3 and 6, as published.

Scores are percentages on CamVid's 233 test images, 11 classes, 480x360. Two training sets are
behind them, and figures of one cannot be held against the other: CamVid's own 367 images, and a
collection of 3,433 road scenes.
"""

from typing import NamedTuple

SOURCE = "arXiv 1511.00561v3"
CAMVID_TRAINING_IMAGES = 367
LARGE_TRAINING_IMAGES = 3433


class Published(NamedTuple):
    """Percentages, in the order in which the paper prints them; BF only where it gives one."""

    global_accuracy: float
    class_accuracy: float
    miou: float
    bf: float | None = None


class DecoderVariant(NamedTuple):
    """A row of Table 1: SegNet-Basic's encoder with one decoder, trained on 367 images.

    Attributes:
        name: As in the paper.
        parameters: Millions.
        storage: Memory for the first layer's features, in multiples of SegNet-Basic's; None where
            the paper says "n/a".
        infer_ms: Forward pass of one image on an NVIDIA Titan, milliseconds.
        test: Trained with median frequency balancing, on the test images.
        train: The same network on the training images.
        natural_test: Trained without balancing.
        natural_train: The same network on the training images.

    """

    name: str
    parameters: float
    storage: int | None
    infer_ms: float
    test: Published
    train: Published
    natural_test: Published
    natural_train: Published


class Iterations(NamedTuple):
    """A row of Table 3: a deep network trained on 3,433 images without class balancing.

    Attributes:
        name: As in the paper.
        at_40k: After 40,000 iterations; None where the paper says "not computed".
        at_80k: After 80,000 iterations.
        best: After `iterations`, the best that further training gave.
        iterations: Thousands.

    """

    name: str
    at_40k: Published | None
    at_80k: Published | None
    best: Published
    iterations: int


class Resources(NamedTuple):
    """A row of Table 6: one 480x360 image; for the training memory, four.

    Attributes:
        name: As in the paper.
        forward_ms: By `caffe time`, milliseconds.
        backward_ms: The same.
        training_mb: GPU memory that nvidia-smi showed, MB.
        inference_mb: The same.
        model_mb: Caffe's file, MB.

    """

    name: str
    forward_ms: float
    backward_ms: float
    training_mb: int
    inference_mb: int
    model_mb: int


# fmt: off
DECODER_VARIANTS = (
    DecoderVariant(
        "Bilinear-Interpolation", 0.625, 0, 24.2,
        Published(77.9, 61.1, 43.3, 20.83), Published(89.1, 90.2, 82.7),
        Published(82.7, 52.5, 43.8, 23.08), Published(93.5, 74.1, 59.9),
    ),
    DecoderVariant(
        "SegNet-Basic", 1.425, 1, 52.6,
        Published(82.7, 62.0, 47.7, 35.78), Published(94.7, 96.2, 92.7),
        Published(84.0, 54.6, 46.3, 36.67), Published(96.1, 83.9, 73.3),
    ),
    DecoderVariant(
        "SegNet-Basic-EncoderAddition", 1.425, 64, 53.0,
        Published(83.4, 63.6, 48.5, 35.92), Published(94.3, 95.8, 92.0),
        Published(84.2, 56.5, 47.7, 36.27), Published(95.3, 80.9, 68.9),
    ),
    DecoderVariant(
        "SegNet-Basic-SingleChannelDecoder", 0.625, 1, 33.1,
        Published(81.2, 60.7, 46.1, 31.62), Published(93.2, 94.8, 90.3),
        Published(83.5, 53.9, 45.2, 32.45), Published(92.6, 68.4, 52.8),
    ),
    DecoderVariant(
        "FCN-Basic", 0.65, 11, 24.2,
        Published(81.7, 62.4, 47.3, 38.11), Published(92.8, 93.6, 88.1),
        Published(83.9, 55.6, 45.0, 37.33), Published(92.0, 66.8, 50.7),
    ),
    DecoderVariant(
        "FCN-Basic-NoAddition", 0.65, None, 23.8,
        Published(80.5, 58.6, 44.1, 31.96), Published(92.5, 93.0, 87.2),
        Published(82.3, 53.9, 44.2, 29.43), Published(93.1, 72.8, 57.6),
    ),
    DecoderVariant(
        "FCN-Basic-NoDimReduction", 1.625, 64, 44.8,
        Published(84.1, 63.4, 50.1, 37.37), Published(95.1, 96.5, 93.2),
        Published(83.5, 57.3, 47.0, 37.13), Published(97.2, 91.7, 84.8),
    ),
    DecoderVariant(
        "FCN-Basic-NoAddition-NoDimReduction", 1.625, 0, 43.9,
        Published(80.5, 61.6, 45.9, 30.47), Published(92.5, 94.6, 89.9),
        Published(83.7, 54.8, 45.5, 33.17), Published(95.0, 80.2, 67.8),
    ),
)
DEEP_NETWORKS = (
    Iterations(
        "SegNet", Published(88.81, 59.93, 50.02, 35.78), Published(89.68, 69.82, 57.18, 42.08),
        Published(90.40, 71.20, 60.10, 46.84), 140,
    ),
    Iterations(
        "DeepLab-LargeFOV",
        Published(85.95, 60.41, 50.18, 26.25), Published(87.76, 62.57, 53.34, 32.04),
        Published(88.20, 62.53, 53.88, 32.77), 140,
    ),
    Iterations(
        "DeepLab-LargeFOV-denseCRF", None, None, Published(89.71, 60.67, 54.74, 40.79), 140
    ),
    Iterations(
        "FCN", Published(81.97, 54.38, 46.59, 22.86), Published(82.71, 56.22, 47.95, 24.76),
        Published(83.27, 59.56, 49.83, 27.99), 200,
    ),
    Iterations(
        "FCN (learnt deconv)",
        Published(83.21, 56.05, 48.68, 27.40), Published(83.71, 59.64, 50.80, 31.01),
        Published(83.14, 64.21, 51.96, 33.18), 160,
    ),
    Iterations(
        "DeconvNet", Published(85.26, 46.40, 39.69, 27.36), Published(85.19, 54.08, 43.74, 29.33),
        Published(89.58, 70.24, 59.77, 52.23), 260,
    ),
)
RESOURCES = (
    Resources("SegNet", 422.50, 488.71, 6803, 1052, 117),
    Resources("DeepLab-LargeFOV", 110.06, 160.73, 5618, 1993, 83),
    Resources("FCN (learnt deconv)", 317.09, 484.11, 9735, 1806, 539),
    Resources("DeconvNet", 474.65, 602.15, 9731, 1872, 877),
)
# fmt: on

CLASS_ACCURACY = {
    "Building": 89.6, "Tree": 83.4, "Sky": 96.1, "Car": 87.7, "SignSymbol": 52.7, "Road": 96.4,
    "Pedestrian": 62.2, "Fence": 53.45, "Pole": 32.1, "Pavement": 93.3, "Bicyclist": 36.5,
}  # fmt: skip
"""Table 2: share of each class's pixels that SegNet, trained on 3,433 images, gets right."""
