# SPDX-License-Identifier: Apache-2.0
"""The gate: which golden frames are believed, and which engines are refused."""

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from simulated_tensorrt import channel_model_with_golden_frames

from segnet_ros.inference.engine.golden import GoldenFrames, check_engine, read_golden
from segnet_ros.inference.errors import InferenceError
from segnet_ros.inference.model import Model, ModelFile, file_sha256
from segnet_ros.inference.runtime import Prediction

Pixels = npt.NDArray[np.uint8]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return channel_model_with_golden_frames(tmp_path)


def _with(model: Model, **arrays: Any) -> Model:
    path = model.folder / "golden.npz"
    np.savez(path, **arrays)
    return replace(model, golden=ModelFile(path.name, file_sha256(path)))


def test_frames_and_labels_are_read(model: Model) -> None:
    golden = read_golden(model)
    assert golden.images.shape == (3, 12, 16, 3)
    assert golden.images.dtype == golden.labels.dtype == np.uint8
    np.testing.assert_array_equal(golden.labels, golden.images.argmax(axis=3))


def test_no_engine_without_golden_frames(model: Model) -> None:
    with pytest.raises(InferenceError) as caught:
        read_golden(replace(model, golden=None))
    assert str(caught.value) == (
        "channel has no golden frames, so no engine of it can be checked; export the model again"
    )


def test_altered_frames_are_refused(model: Model) -> None:
    with (model.folder / "golden.npz").open("ab") as file:
        file.write(b"more")
    with pytest.raises(InferenceError, match=r"golden\.npz has sha256 .* was altered"):
        read_golden(model)


_IMAGES = np.zeros((2, 12, 16, 3), np.uint8)
_LABELS = np.zeros((2, 12, 16), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"images": _IMAGES}, "holds no images and labels"),
        ({"images": _IMAGES.astype(np.float32), "labels": _LABELS}, "float32 (2, 12, 16, 3)"),
        ({"images": _IMAGES[:, :, :8], "labels": _LABELS}, "uint8 (2, 12, 8, 3)"),
        ({"images": _IMAGES, "labels": _LABELS[..., None]}, "uint8 (2, 12, 16, 1)"),
        ({"images": _IMAGES, "labels": _LABELS.astype(np.int64)}, "int64 (2, 12, 16)"),
        ({"images": _IMAGES[:0], "labels": _LABELS[:0]}, "uint8 (0, 12, 16, 3)"),
        ({"images": _IMAGES, "labels": _LABELS[:1]}, "2 images and 1 labels"),
        ({"images": np.array([object()]), "labels": _LABELS}, "holds no images and labels"),
        ({"images": np.uint8(4), "labels": _LABELS}, "uint8 ()"),
    ],
)
def test_other_frames_are_refused(model: Model, arrays: dict[str, Any], found: str) -> None:
    with pytest.raises(InferenceError) as caught:
        read_golden(_with(model, **arrays))
    assert found in str(caught.value)
    assert str(caught.value).endswith("; export the model again")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 a broken archive"])
def test_other_files_are_refused(model: Model, content: bytes) -> None:
    path = model.folder / "golden.npz"
    path.write_bytes(content)
    changed = replace(model, golden=ModelFile(path.name, file_sha256(path)))
    with pytest.raises(InferenceError, match=r"golden\.npz holds no images and labels"):
        read_golden(changed)


class WrongShare:
    """Answers right but for a share of every frame's pixels."""

    def __init__(self, wrong_pixels: int) -> None:
        self._wrong = wrong_pixels
        self.count = 0

    def __call__(self, images: Iterable[Pixels]) -> Iterator[Prediction]:
        for image in images:
            self.count += 1
            labels = image.argmax(axis=2).astype(np.uint8)
            labels.ravel()[: self._wrong] += 1
            yield Prediction(labels, labels)


@pytest.fixture
def golden() -> GoldenFrames:
    """Frames of 1000 pixels each."""
    images = np.random.default_rng(0).integers(0, 256, (2, 20, 50, 3), np.uint8)
    return GoldenFrames(images, images.argmax(axis=3).astype(np.uint8))


@pytest.mark.parametrize(("wrong", "agreement"), [(0, 1.0), (19, 0.981)])
def test_good_engines_pass(
    model: Model, golden: GoldenFrames, wrong: int, agreement: float
) -> None:
    """The graph itself agrees on 0.99, so an engine may on 0.98."""
    answers = WrongShare(wrong)
    found = check_engine(answers, golden, model, "fp16", 1, "convolutions")
    assert found == pytest.approx(agreement)
    assert answers.count == 2


def test_bad_engines_are_refused(model: Model, golden: GoldenFrames) -> None:
    built = "26 convolutions in fp32, 13 other kernels"
    with pytest.raises(InferenceError) as caught:
        check_engine(WrongShare(21), golden, model, "fp16", 1, built)
    assert str(caught.value) == (
        "the fp16 engine of channel gives model.onnx's label on 0.9790 of the golden frames' "
        f"pixels; expected at least 0.9800; really built were {built}; run "
        f"`segnet build-engine {model.folder} --precision fp16 --rebuild`, or use another precision"
    )


def test_one_bad_frame_among_good_ones_counts(model: Model, golden: GoldenFrames) -> None:
    answers = (Prediction(labels, labels) for labels in (golden.labels[0], golden.labels[0]))
    with pytest.raises(InferenceError, match=r"label on 0\.6"):
        check_engine(lambda images: answers, golden, model, "fp16", 1, "x")


@pytest.mark.parametrize(("batch", "count"), [(1, 2), (2, 2), (3, 3), (5, 5)])
def test_frames_are_repeated_until_they_fill_whole_batches(
    model: Model, golden: GoldenFrames, batch: int, count: int
) -> None:
    answers = WrongShare(0)
    check_engine(answers, golden, model, "fp16", batch, "x")
    assert answers.count == count


def test_missing_answers_do_not_pass(model: Model, golden: GoldenFrames) -> None:
    with pytest.raises(ValueError, match="longer"):
        check_engine(lambda images: iter(()), golden, model, "fp16", 1, "x")


def _npy(shape: str, kind: str = "|u1", data: bytes = b"") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + data


_ONE_MAP = _npy("(1, 12, 16)", data=bytes(192))


def _archive(model: Model, **members: bytes) -> Model:
    path = model.folder / "golden.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return replace(model, golden=ModelFile(path.name, file_sha256(path)))


@pytest.mark.parametrize(
    ("shape", "kind", "size", "words"),
    [
        ("(1099511627776, 12, 16, 3)", "|u1", 0, "expected 1..64 of uint8 (12, 16, 3)"),
        ("(4611686018427387904,)", "|u1", 0, "expected 1..64 of uint8"),
        ("(65, 12, 16, 3)", "|u1", 65 * 576, "expected 1..64 of uint8"),
        ("(1, 12, 16, 3)", "|O", 576, "expected 1..64 of uint8"),
        ("(2, 12, 16, 3)", "|u1", 576, "cannot reshape array of size 576"),
        ("(1, 12, 16, 3)", "|u1", 50_000_000, "cannot reshape array of size"),
        ("(" * 200 + ")" * 200, "|u1", 576, "holds no images and labels"),
        ("9" * 5000, "|u1", 576, "holds no images and labels"),
    ],
    ids=range(8),
)
def test_arrays_that_claim_too_much_are_refused(
    model: Model, shape: str, kind: str, size: int, words: str
) -> None:
    text = _refusal(_archive(model, images=_npy(shape, kind, bytes(size)), labels=_ONE_MAP))
    assert words in text
    assert text.isprintable()
    assert len(text) < 1000
    assert text.endswith("; export the model again")


@pytest.mark.parametrize("images", [b"", b"\x80\4cposix\nsystem\n"], ids=["nothing", "a pickle"])
def test_what_is_no_array_is_refused(model: Model, images: bytes) -> None:
    text = _refusal(_archive(model, images=images, labels=_ONE_MAP))
    assert "holds no images and labels" in text


def _refusal(model: Model) -> str:
    with pytest.raises(InferenceError) as caught:
        read_golden(model)
    return str(caught.value)


def test_encrypted_and_unknown_archives_are_refused(model: Model) -> None:
    path = model.folder / "golden.npz"
    good = path.read_bytes()
    at = good.index(b"PK\1\2")
    for offset, value in ((8, 1), (8, 32), (10, 99)):  # encrypted, patched, compressed somehow
        path.write_bytes(good[: at + offset] + bytes([value, 0]) + good[at + offset + 2 :])
        with pytest.raises(InferenceError, match=r"golden\.npz holds no images and labels"):
            read_golden(replace(model, golden=ModelFile(path.name, file_sha256(path))))


def test_an_array_is_no_archive(model: Model) -> None:
    path = model.folder / "golden.npz"
    path.write_bytes(_npy("(3,)", data=b"abc"))
    with pytest.raises(InferenceError, match=r"golden\.npz holds no images and labels"):
        read_golden(replace(model, golden=ModelFile(path.name, file_sha256(path))))
