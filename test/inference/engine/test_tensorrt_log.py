# SPDX-License-Identifier: Apache-2.0
"""Keeping what matters of TensorRT's messages."""

from segnet_ros.inference.engine.tensorrt_log import Log


def test_the_log_keeps_the_last_errors_in_one_line() -> None:
    log = Log()
    assert log.last_errors == "it gave no reason"
    log.add("first", is_error=True)
    log.add("a line\n\n  and  more\n", is_error=True)
    log.add("no error", is_error=False)
    log.add("third", is_error=True)
    assert log.last_errors == "a line   and  more; third"
    log.clear()
    assert log.last_errors == "it gave no reason"


def test_the_log_keeps_lines_about_layers_and_no_others() -> None:
    log = Log()
    log.add("Parsing node: conv [Conv]", is_error=False)
    log.add("Layers:\nName: a, LayerType: kgen\nName: b, LayerType: wait\n\nI/O", is_error=False)
    log.add("Engine Layer Information:\nLayer(Reformat): c", is_error=False)
    log.add(" Name: image, IOMode: Input", is_error=False)
    assert log.layers == [
        "Name: a, LayerType: kgen", "Name: b, LayerType: wait", "Layer(Reformat): c",
    ]  # fmt: skip
