# SPDX-License-Identifier: Apache-2.0
"""A recording in an object store."""

import fsspec
import pytest

from segnet_ros.bags.errors import BagError
from segnet_ros.bags.places import join, write_text
from segnet_ros.bags.writing.output_store import OutputStore

URL = "memory://output_store/out"


@pytest.fixture
def place() -> OutputStore:
    fsspec.filesystem("memory").store.clear()
    place = OutputStore(URL)
    place.open()
    return place


def test_files_are_described_where_they_were_put(place: OutputStore) -> None:
    assert place.staging == URL
    write_text(join(URL, "a"), "1")
    place.publish("a", "resume 1", "metadata 1")
    assert place.sizes() == {"a": 1, "resume.json": 8, "metadata.yaml": 10}
    assert place.read("metadata.yaml") == "metadata 1"
    place.finish("metadata 2")
    place.close()
    assert place.read("metadata.yaml") == "metadata 2"
    assert place.has("a")
    assert not place.has("resume.json")


def test_files_that_nothing_describes_are_no_recording(place: OutputStore) -> None:
    write_text(join(URL, "a"), "1")
    assert not place.exists()
    write_text(join(URL, "resume.json"), "")
    assert place.exists()


def test_a_store_that_does_not_answer_is_one_error() -> None:
    with pytest.raises(BagError, match=r"nosuch://x/resume\.json cannot be reached"):
        OutputStore("nosuch://x").publish(None, "", "")
