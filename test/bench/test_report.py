# SPDX-License-Identifier: Apache-2.0
"""The report says what was measured, what failed, and what is missing."""

from dataclasses import replace

from cases import ACCURACY, AS_IT_COMES, CEILINGS, COMPILED, PROBE, RAN, TENSORRT, Case
from report import report
from results import Result

MAIN = Case(TENSORRT, "segnet", 480, 360)
PROBED = {"tensorrt": "TensorRT 10.3.0", "gpu": "NVIDIA H200", "driver": "580.95"}
TIMES = {
    "gpu_p50_ms": 0.61, "gpu_p99_ms": 0.7, "total_p50_ms": 0.9, "total_p99_ms": 1.1,
    "frames_per_second": 1500.4, "memory_mib": 321,
}  # fmt: skip
RESULTS = [
    Result(Case(PROBE, AS_IT_COMES), 1.0, PROBED | {"verdict": RAN}),
    Result(Case(PROBE, "SM80"), 1.0, PROBED | {"verdict": "built, not loaded: a | b"}),
    Result(
        Case(CEILINGS),
        2.0,
        {
            "pytorch": "2.11.0 on NVIDIA H200",
            "flops": {"fp16": 790e12, "fp8": "RuntimeError: no"},
            "bandwidth": 4.3e12,
        },
    ),
    Result(
        MAIN,
        9.0,
        {"variants": [{"variant": "CUDA graph", **TIMES}, {"variant": "no CUDA graph", **TIMES}]},
    ),
    Result(
        replace(MAIN, subject=COMPILED), 99.0, {"variants": [TIMES | {"gpu_p50_ms": 1.22}]}
    ),
    Result(replace(MAIN, precision="fp8"), 3.0, error="InferenceError: no fp8 graph"),
    Result(
        Case(ACCURACY, "segnet_camvid", precision="int8"),
        20.0,
        {
            "frames": 101, "agreement": 0.98765, "batched_agreement": 0.9871, "miou": 0.601,
            "reference_miou": 0.605, "built": "TensorRT 10.3.0 int8",
        },
    ),
]  # fmt: skip


def sections(text: str) -> dict[str, list[str]]:
    found = (part.split("\n\n", 1) for part in text.split("## ")[1:])
    return {title: body.strip().splitlines() for title, body in found}


def test_machine_is_described() -> None:
    assert sections(report(RESULTS))["Machine"][2:] == [
        "| TensorRT runs here | yes |",
        "| tensorrt | TensorRT 10.3.0 |",
        "| gpu | NVIDIA H200 |",
        "| driver | 580.95 |",
        "| engine built as it comes | ran, right result |",
        "| engine built SM80 | built, not loaded: a / b |",
        "| PyTorch | 2.11.0 on NVIDIA H200 |",
        "| fp16 matrix product | 790 TFLOP/s |",
        "| fp8 matrix product | RuntimeError: no |",
        "| copy, read and written | 4.30 TB/s |",
    ]


def test_speed_has_floors_and_ratios() -> None:
    lines = sections(report(RESULTS))["Speed, random weights"][2:]
    # 0.305 ms: what 213.4 GFLOP take at the measured ceilings.
    assert lines[0] == (
        "| segnet | 480x360 | 1 | fp16 | TensorRT CUDA graph | 0.610 | 0.700 | 0.900 | 1.100 | "
        "1500 | 321 | 2.00 | 1.00 | 0.305 | 50% | 0.247 |"
    )
    assert lines[1].startswith("| segnet | 480x360 | 1 | fp16 | TensorRT no CUDA graph | 0.610 |")
    assert lines[2] == (
        "| segnet | 480x360 | 1 | fp16 | torch.compile | 1.220 | 0.700 | 0.900 | 1.100 | "
        "1500 | 321 | 1.00 | 0.50 | 0.305 | 25% | 0.247 |"
    )
    assert len(lines) == 3


def test_accuracy_tells_what_is_lost() -> None:
    assert sections(report(RESULTS))["Accuracy, trained weights"][2:] == [
        (
            "| segnet_camvid | int8 | 101 | 98.77% | 98.71% | 60.10% | 60.50% | 0.40 | "
            "TensorRT 10.3.0 int8 |"
        )
    ]


def test_failures_are_listed_with_their_errors() -> None:
    assert sections(report(RESULTS))["Failed"][2:] == [
        "| TensorRT: segnet 480x360 batch 1 fp8 | InferenceError: no fp8 graph |"
    ]


def test_targets_say_met_missed_or_nothing() -> None:
    marks = [line.split(" | ")[-1] for line in sections(report(RESULTS))[
        "Targets: SegNet 480x360"][2:]]  # fmt: skip
    assert marks == ["met |", "met |", "- |", "- |", "- |"]
    slow = [replace(r, values={"variants": [{"gpu_p50_ms": 1.3}]}) for r in RESULTS[3:4]]
    assert "Targets: SegNet 480x360\n" in report(slow)
    assert "| TensorRT fp16 1.300 ms | MISSED |" in report(slow)


def test_machine_without_a_tensorrt_that_runs_is_named_first() -> None:
    def first_line(*probes: Result) -> str:
        return sections(report(probes))["Machine"][2]

    refused = Result(Case(PROBE, AS_IT_COMES), 1.0, PROBED | {"verdict": "built, not loaded: no"})
    crashed = Result(Case(PROBE, AS_IT_COMES), 1.0, error="the measuring process ended: SIGSEGV")
    current = Result(Case(PROBE, "CURRENT"), 1.0, PROBED | {"verdict": RAN})
    older = Result(Case(PROBE, "SM80"), 1.0, PROBED | {"verdict": RAN})
    assert first_line() == "| TensorRT runs here | not tried |"
    for failure in (refused, crashed):
        assert first_line(failure) == (
            "| TensorRT runs here | NO: all that follows is what runs without it |"
        )
        assert first_line(failure, current) == "| TensorRT runs here | yes |"
        assert first_line(failure, older) == (
            "| TensorRT runs here | NOT as segnet_ros builds; yes if the builder is told SM80 |"
        )


def test_report_of_nothing_is_a_report() -> None:
    assert sections(report([])) == {
        "Machine": ["| fact | value |", "| --- | --- |", "| TensorRT runs here | not tried |"],
        "Speed, random weights": ["nothing"],
        "Failed": ["nothing"],
        "Accuracy, trained weights": ["nothing"],
        "Targets: SegNet 480x360": sections(report([]))["Targets: SegNet 480x360"],
    }
