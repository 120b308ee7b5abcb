# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from segnet_ros.inference.engine.fingerprint import Fingerprint
from segnet_ros.inference.engine.status import EngineStatus
from segnet_ros.ros.health import NodeHealth
from segnet_ros.ros.node_diagnostics import node_message, node_problems, node_values

NODE = NodeHealth(
    state="active",
    full_name="/robot/segmentation",
    model="segnet",
    version=2,
    sha256="cd" * 32,
    taxonomy="rover",
    runtime="OpenVINO 1 CPU bf16",
)
FINGERPRINT = Fingerprint(
    "ab" * 32, "TensorRT", "10.3.0", "Orin", "8.7", "540.4", "12.6", "", "", (), "fp16", 1
)
ENGINE = EngineStatus(
    fingerprint=FINGERPRINT,
    layers="26 convolutions in fp16, 13 other kernels",
    agreement=0.99871,
    gpu_memory=50 * 2**20,
    timings={"compute": 5.8},
    recoveries=1,
    failure="",
)
BUILD = "building fp16: tactics 40 %, 12 s, because none was built yet"


def test_a_healthy_node() -> None:
    assert node_problems(NODE) == []
    assert node_message(NODE) == "active: segnet"
    values = node_values(NODE)
    assert values["state"] == "active"
    assert values["model"] == "segnet"
    assert values["model version"] == "2"
    assert values["model sha256"] == "cd" * 32
    assert values["taxonomy"] == "rover"
    assert values["runtime"] == values["precision used"] == "OpenVINO 1 CPU bf16"
    assert values["clock"] == "system"
    assert values["clock jumps"] == "0"
    assert values["last error"] == ""


WARN, ERROR = DiagnosticStatus.WARN, DiagnosticStatus.ERROR
STATES = [
    ("unconfigured", "`ros2 lifecycle set /robot/segmentation configure`"),
    ("inactive", "`ros2 lifecycle set /robot/segmentation activate`"),
    ("configuring", "the model is being loaded"),
    ("finalized", "start the node anew"),
    ("deactivating", "no labels until the node is active"),
]


@pytest.mark.parametrize(("state", "words"), STATES)
def test_a_node_that_is_not_active_tells_how_it_would_be(state: str, words: str) -> None:
    (problem,) = node_problems(replace(NODE, state=state))
    assert problem.level == WARN
    assert problem.text.startswith(f"{state}: ")
    assert words in problem.text


SIMULATED = {"sim_time": True, "clock_running": False}


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({"state": "configuring", "engine_build": BUILD}, WARN, f"configuring: {BUILD}"),
        ({"state": "unconfigured", "refusal": "no GPU"}, ERROR, "cannot configure: no GPU"),
        (
            {"engine": replace(ENGINE, failure="CUDA error 700")},
            ERROR,
            "the engine failed: CUDA error 700",
        ),
        (
            {"hang": "1 frame(s) in work for 10.0 s"},
            ERROR,
            "the node ends: 1 frame(s) in work for 10.0 s",
        ),
        (
            {"swap_failure": "model other: no such folder"},
            WARN,
            "segnet (version 2) stays in use: model other: no such folder",
        ),
        (SIMULATED, WARN, "use_sim_time is set, but nobody publishes /clock"),
        ({**SIMULATED, "clock_publishers": 1}, WARN, "and /clock stands still: is the playback"),
        (
            {"clock_publishers": 1},
            WARN,
            "`ros2 param set /robot/segmentation use_sim_time true`",
        ),
    ],
)
def test_what_is_wrong(changes: dict, level: bytes, words: str) -> None:
    problem = node_problems(replace(NODE, **changes))[0]
    assert problem.level == level
    assert words in problem.text


def test_a_simulated_clock_that_runs() -> None:
    node = replace(NODE, sim_time=True, clock_publishers=1, clock_jumps=2, last_jump="back by 9 s")
    assert node_problems(node) == []
    values = node_values(node)
    assert values["clock"] == "/clock"
    assert values["clock jumps"] == "2"
    assert values["last clock jump"] == "back by 9 s"
    assert node_values(replace(node, clock_running=False))["clock"] == "/clock, standing still"


def test_a_swap_in_the_background_is_no_problem() -> None:
    node = replace(NODE, swap="loading model other")
    assert node_problems(node) == []
    assert node_message(node) == "active: segnet; loading model other"
    assert node_values(node)["model swap"] == "loading model other"


def test_missing_packages_are_no_problem() -> None:
    node = replace(NODE, missing=["vision_msgs: no label_info", "cv_bridge: no Bayer images"])
    assert node_problems(node) == []
    told = node_values(node)["missing packages"]
    assert told == "vision_msgs: no label_info; cv_bridge: no Bayer images"


def test_an_engine_in_use() -> None:
    shown = node_values(replace(NODE, engine=ENGINE, precision="fp16"))
    assert shown["precision asked"] == "fp16"
    assert shown["precision used"] == ENGINE.layers
    assert shown["engine"] == "loaded: fp16 (26 convolutions in fp16, 13 other kernels)"
    assert shown["engine fingerprint"] == FINGERPRINT.digest
    origin = "TensorRT 10.3.0, Orin (8.7), driver 540.4, CUDA 12.6, batch 1"
    assert shown["engine built for"] == origin
    assert shown["golden agreement"] == "0.9987"
    assert shown["GPU memory [MiB]"] == "50.0"
    assert shown["GPU recoveries"] == "1"


def test_an_engine_on_a_jetson() -> None:
    jetson = replace(FINGERPRINT, l4t="36.4.3", power_mode="MAXN", batch=4)
    shown = node_values(replace(NODE, engine=replace(ENGINE, fingerprint=jetson)))
    assert shown["engine built for"].endswith("CUDA 12.6, L4T 36.4.3 MAXN, batch 4")


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (NodeHealth("unconfigured"), "none"),
        (NODE, "none (OpenVINO 1 CPU bf16 needs none)"),
        (NodeHealth("configuring", engine_build=BUILD), BUILD),
        (replace(NODE, engine=replace(ENGINE, failure="it is lost")), "failed: it is lost"),
    ],
)
def test_the_engines_state(node: NodeHealth, words: str) -> None:
    assert node_values(node)["engine"] == words
    assert ("engine fingerprint" in node_values(node)) == (node.engine is not None)
