# SPDX-License-Identifier: Apache-2.0

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from segnet_ros.training.deployed import DeployedNetwork
from segnet_ros.training.engine_network import (
    EngineNetwork,
    _by_planes,
    _by_reductions,
    find_best,
)
from segnet_ros.training.export import deployable
from segnet_ros.training.models.bayesian_segnet_basic import BayesianSegNetBasic
from segnet_ros.training.models.segnet_light import SegNetLight
from segnet_ros.training.normalization import Normalization

FORMS = [_by_planes, _by_reductions]
NAN = float("nan")


def scores(*pixels: list[float]) -> Tensor:
    """[1, classes, 1, pixels]"""
    return torch.tensor(pixels).T[None, :, None]


def deployed(samples: int | None = None) -> DeployedNetwork:
    torch.manual_seed(3)
    architecture = (
        partial(BayesianSegNetBasic, kernel_size=3, width=8)
        if samples
        else partial(SegNetLight, widths=(6, 8, 8), depths=(1, 2, 1))
    )
    network = architecture(5).eval()
    nn.init.normal_(network.classifier.weight)
    return deployable(network, Normalization(bgr=True), samples)


def pictures(count: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, 29, 38, 3), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("form", FORMS)
def test_best_class_of_known_scores(form: object) -> None:
    best = form(scores([0.0, 2.0, 1.0], [3.0, -1.0, 3.0], [-5.0, -5.0, -5.0]))  # type: ignore[operator]
    # Of equally good classes the first.
    assert best.labels.flatten().tolist() == [1, 0, 0]
    assert best.score.flatten().tolist() == [2.0, 3.0, -5.0]
    expected = torch.tensor([1 + 0.1353353 + 0.3678794, 2 + 0.0183156, 3.0])
    assert torch.allclose(best.total.flatten(), expected)
    assert {value.shape for value in best} == {(1, 1, 1, 3)}


@pytest.mark.parametrize("form", FORMS)
def test_pixel_without_any_number_is_unlabelled(form: object) -> None:
    best = form(scores([NAN, NAN, NAN], [0.0, 1.0, 0.5]))  # type: ignore[operator]
    assert best.labels.flatten().tolist() == [255, 1]


def test_forms_agree() -> None:
    values = torch.randn(2, 7, 5, 6, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    for a, b in zip(_by_planes(values), _by_reductions(values), strict=True):
        assert torch.allclose(a, b)
    assert torch.equal(_by_planes(values).labels[:, 0], values.argmax(1).float())


def test_many_classes_are_reduced() -> None:
    values = torch.randn(1, 150, 3, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(find_best(values).labels[:, 0], values.argmax(1).float())


def test_answers_are_those_of_the_deployed_network() -> None:
    network = deployed()
    engine = EngineNetwork(network).eval()
    with torch.inference_mode():
        labels, confidence = network(pictures(2))
        answers = engine(pictures(2))
    assert engine.outputs == ("labels", "confidence")
    assert [a.shape for a in answers] == [(2, 1, 29, 38)] * 2
    assert {a.dtype for a in answers} == {torch.uint8}
    assert len(labels.unique()) > 2  # the comparison means something
    assert torch.equal(answers[0][:, 0], labels)
    assert (answers[1][:, 0].int() - confidence.int()).abs().max() <= 1


def test_bayesian_answers_are_those_of_the_deployed_network() -> None:
    network = deployed(samples=3)
    engine = EngineNetwork(network).eval()
    with torch.inference_mode():
        expected = network(pictures(1))
        answers = engine(pictures(1))
    assert engine.outputs == ("labels", "confidence", "uncertainty")
    assert not engine.batched
    for answer, reference in zip(answers, expected, strict=True):
        assert reference.float().std() > 0.5
        assert torch.equal(answer[:, 0], reference)


def test_deployed_network_keeps_its_switches() -> None:
    network = deployed()
    switching = network.network.switching
    EngineNetwork(network)
    assert network.network.switching is switching
