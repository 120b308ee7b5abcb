# SPDX-License-Identifier: Apache-2.0
"""OpenVINO, which runs models on the CPU."""

from segnet_ros.doctor.areas import OPENVINO
from segnet_ros.doctor.finding import Finding
from segnet_ros.doctor.libraries import attempt, is_installed
from segnet_ros.doctor.surroundings import Surroundings

_QUESTION = """
import openvino
capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
print(openvino.__version__.split("-")[0], "bfloat16" if "BF16" in capabilities else "float32")
"""


def check(here: Surroundings) -> list[Finding]:
    """Ask OpenVINO what the processor computes in."""
    if not is_installed("openvino"):
        found = "not installed, so the CPU runs no model"
        return [Finding(OPENVINO, "warning", found, "`pip install openvino`")]
    answer = attempt(_QUESTION, here.environment)
    if answer.failure:
        remedy = "`pip install --force-reinstall openvino`"
        return [Finding(OPENVINO, "warning", f"does not work: {answer.failure}", remedy)]
    version, _, precision = answer.output.rpartition("\n")[2].partition(" ")
    slow = "" if precision == "bfloat16" else ": this processor has no fast bfloat16"
    return [Finding(OPENVINO, "ok", f"{version}, computes in {precision}{slow}")]
