# SPDX-License-Identifier: Apache-2.0
"""What is measured first when time is short."""

from dataclasses import replace

from cases import (
    ACCURACY,
    CEILINGS,
    COMPILED,
    EAGER,
    ONNX_RUNTIME,
    PROBE,
    TENSORRT,
    Case,
    Scope,
    plan,
)

MODELS = {"light": ["fp16", "int8"], "basic": ["fp16"]}


def test_everything_is_planned_once() -> None:
    cases = plan(Scope(models=MODELS))
    assert len(set(cases)) == len(cases)
    engines = [case for case in cases if case.subject == TENSORRT]
    assert len(engines) == 3 * 4 * 3 * 3
    assert {case.batch for case in engines} == {1, 4, 8}
    assert {case.precision for case in engines} == {"fp16", "int8", "fp8"}
    assert sum(case.subject == EAGER for case in cases) == 3 * 4 * 3
    compiled = [case for case in cases if case.subject == COMPILED]
    assert len(compiled) == 3 * 4 + 1
    assert sum(case.batch == 8 for case in compiled) == 1
    assert [(c.network, c.precision) for c in cases if c.subject == ACCURACY] == [
        ("light", "fp16"), ("light", "int8"), ("basic", "fp16"),
    ]  # fmt: skip


def test_targets_of_the_issue_come_first() -> None:
    cases = plan(Scope(models=MODELS))
    main = Case(TENSORRT, "segnet", 480, 360)
    needed = [
        Case(PROBE, "as it comes"),
        Case(CEILINGS),
        main,
        replace(main, subject=COMPILED),
        replace(main, batch=8),
        replace(main, precision="int8"),
        replace(main, precision="fp8", batch=8),
        Case(ACCURACY, "light"),
    ]
    places = [cases.index(case) for case in needed]
    assert places == sorted(places)
    assert places[-1] < 20
    # The slow compilations of other sizes come last.
    assert all(case.subject == COMPILED for case in cases[-9:])


def test_without_models_there_is_no_accuracy() -> None:
    assert ACCURACY not in {case.subject for case in plan(Scope())}


def test_cases_speak_for_themselves() -> None:
    assert Case(CEILINGS).in_words == "ceilings"
    assert Case(PROBE, "CURRENT").in_words == "TensorRT at all CURRENT"
    engine = Case(TENSORRT, "segnet", 480, 360, 8, "int8")
    assert engine.in_words == "TensorRT: segnet 480x360 batch 8 int8"
    assert Case(ACCURACY, "segnet_camvid", precision="fp8").in_words == (
        "accuracy: segnet_camvid fp8"
    )
    assert Case(**engine.as_dict()) == engine


def test_compiling_may_take_longer_than_the_rest() -> None:
    assert Case(COMPILED).seconds > Case(ONNX_RUNTIME).seconds == Case(TENSORRT).seconds
