# SPDX-License-Identifier: Apache-2.0
"""PyTorch's side of the comparison, on the CPU and tiny."""

import copy
from pathlib import Path

import pytest
import torch
from cases import EAGER, Case
from ceilings import ceiling_of, measure_ceilings
from devices import Device, find_device
from networks import random_network
from settings import Settings
from torch import nn
from torch_reference import COMPILE_MODE, HalfNetwork, time_network

from segnet_ros.training.models import build_model
from segnet_ros.training.models.switches import IndexSwitching, Switching, TwoBitSwitching

CPU = Device("cpu", seconds=0.01)


def frames() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (2, 48, 64, 3), dtype=torch.uint8, generator=generator)


def test_folding_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = build_model("segnet_light", 11).eval()
    generator = torch.Generator().manual_seed(5)
    for module in plain.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5, generator=generator)
            module.running_var.uniform_(0.5, 2.0, generator=generator)
    monkeypatch.setattr("networks.build_model", lambda *arguments: copy.deepcopy(plain))
    folded = random_network("segnet_light")
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    image = torch.rand(1, 3, 48, 64, generator=generator)
    with torch.inference_mode():
        assert torch.allclose(folded(image), plain(image), rtol=1e-3, atol=1e-4)


def test_random_weights_are_always_the_same() -> None:
    first, second = (random_network("segnet_light").state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("switching", [IndexSwitching(), TwoBitSwitching()])
def test_half_precision_answers_as_float_does(switching: Switching) -> None:
    network = HalfNetwork(random_network("segnet_light"), switching).eval()
    assert {p.dtype for p in network.network.parameters()} == {torch.float16}
    assert network.network.classifier.weight.is_contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        labels, confidence = network(frames())
        scores = random_network("segnet_light")(network.normalization(frames()))
    expected = scores.softmax(dim=1).max(dim=1)
    assert labels.dtype == confidence.dtype == torch.uint8
    # Random weights: many scores are nearly equal.
    assert (labels == expected.indices).float().mean() > 0.9
    assert (confidence - 255 * expected.values).abs().mean() < 0.5


def test_network_is_timed() -> None:
    case = Case(EAGER, "segnet_light", 32, 24)
    (values,) = time_network(case, IndexSwitching(), CPU, compiled=False)["variants"]
    assert values["total_p99_ms"] >= values["total_p50_ms"] > 0
    assert values["frames_per_second"] > 0
    # What only a GPU can tell is not made up.
    assert {"gpu_p50_ms", "memory_mib"}.isdisjoint(values)


def test_mode_of_compiling_autotunes_and_uses_cuda_graphs() -> None:
    options = torch._inductor.list_mode_options()[COMPILE_MODE]
    assert options["max_autotune"] is True
    assert options["triton.cudagraphs"] is True


def test_ceilings_are_measured_and_failures_kept_apart() -> None:
    values = measure_ceilings(CPU)
    assert values["pytorch"] == f"{torch.__version__} on CPU"
    assert values["flops"]["fp16"] > 0
    assert values["bandwidth"] > 0
    ceiling = ceiling_of({"flops": {"fp16": 2.0, "fp8": "RuntimeError: no"}, "bandwidth": 3.0})
    assert ceiling.flops == {"fp16": 2.0}
    assert ceiling.bandwidth == 3.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cpu_is_taken_for_a_smoke_test_only(tmp_path: Path) -> None:
    settings = Settings(work=tmp_path, data=None, smoke=True)
    device = find_device(settings)
    assert (device.name, device.is_gpu) == ("cpu", False)
    with pytest.raises(RuntimeError, match="sees no GPU; --smoke tries the code on the CPU"):
        find_device(Settings(work=tmp_path, data=None, smoke=False))
