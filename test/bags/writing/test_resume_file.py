# SPDX-License-Identifier: Apache-2.0
"""What an interrupted run leaves in words."""

import json

import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.recorded import Fault
from segnet_ros.bags.writing.resume_file import Progress, check_identity, from_text, start, to_text
from segnet_ros.bags.writing.segment_file import SegmentSummary

SEGMENT = SegmentSummary("a_0.mcap", "00ff", 123, 10, 20, {"/x": 3})
FAULT = Fault("cut short", "/camera", 15, 2)


def test_progress_survives_its_file() -> None:
    progress = start({"model": "light", "outputs": ("label", "overlay")})
    progress = progress.after(SEGMENT, 3, [FAULT]).after(None, 0, []).after(None, 2, [FAULT])
    assert from_text(to_text(progress), "out") == progress
    assert (progress.done, progress.frames) == (3, 5)
    assert progress.segments == (SEGMENT,)
    assert progress.faults == (FAULT, FAULT)


def test_the_same_progress_gives_the_same_text() -> None:
    assert to_text(start({"a": 1}).after(SEGMENT, 3, [])) == to_text(
        start({"a": 1}).after(SEGMENT, 3, ())
    )


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"faults": [], "segments": [1]}', '{"faults": [{}], "segments": []}'],
)
def test_a_damaged_file_is_one_error(text: str) -> None:
    with pytest.raises(BagError, match=r"^resume\.json of out cannot be read"):
        from_text(text, "out")


def test_a_field_of_another_version_is_one_error() -> None:
    content = json.loads(to_text(start({}))) | {"colour": 1}
    with pytest.raises(BagError, match="colour"):
        from_text(json.dumps(content), "out")


def test_equal_identities_pass() -> None:
    check_identity(Progress({"a": [1, 2]}, done=5), start({"a": (1, 2)}), "out")


def test_differing_identities_are_refused_by_name() -> None:
    before, now = start({"model": "light", "alpha": 0.5}), start({"model": "basic", "topic": "/x"})
    with pytest.raises(
        BagError,
        match=r"out was begun differently: alpha was 0\.5, now is null; "
        r'model was "light", now is "basic"; topic was null, now is "/x"\. Resume',
    ):
        check_identity(before, now, "out")
