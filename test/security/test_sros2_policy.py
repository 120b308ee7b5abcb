# SPDX-License-Identifier: Apache-2.0
"""The SROS2 policy grants what the running node uses: no less, so that it works, and no more."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: pip install 'segnet_ros[ros]'")

from peer import Peer, isolate, running_node
from sensor_msgs.msg import CameraInfo, Image

from segnet_ros.inference.shipped import shipped

POLICY = "config/sros2/segmentation.policy.xml"
NODE, NAMESPACE = "segmentation", "/"
# Only where a ROS distribution brings vision_msgs.
OPTIONAL = {"/segmentation/label_info"}
# Since ROS 2 Iron.
NEWER = {"/segmentation/get_type_description"}


@dataclass(frozen=True)
class Use:
    """Full names.

    Attributes:
        published: Topics.
        subscribed: Topics.
        served: Services.
        asked: Services of other nodes.
    """

    published: frozenset[str]
    subscribed: frozenset[str]
    served: frozenset[str]
    asked: frozenset[str]

    def __or__(self, other: "Use") -> "Use":
        return Use(*(getattr(self, f.name) | getattr(other, f.name) for f in fields(self)))


@pytest.fixture(scope="module", autouse=True)
def own_domain() -> None:
    isolate()


@pytest.fixture
def peer(own_domain: None) -> Iterator[Peer]:
    peer = Peer()
    yield peer
    peer.close()


def granted(policy: ET.Element, kind: str, right: str) -> frozenset[str]:
    """Names that the only profile allows; kind "topic", right "publish"."""
    profile = policy.find(f".//profile[@node='{NODE}']")
    assert profile is not None
    found = [
        _full(entry.text or "", profile.attrib["ns"])
        for group in profile.findall(f"{kind}s[@{right}='ALLOW']")
        for entry in group.findall(kind)
    ]
    assert len(found) == len(set(found)), "a name is granted twice"
    return frozenset(found)


def _full(name: str, namespace: str) -> str:
    if name.startswith("~"):
        return f"{namespace}{NODE}{name[1:]}"
    return name if name.startswith("/") else namespace + name


def in_use(peer: Peer) -> Use:
    node = peer.node
    readers: Sequence[Callable[..., list[tuple[str, list[str]]]]] = (
        node.get_publisher_names_and_types_by_node,
        node.get_subscriber_names_and_types_by_node,
        node.get_service_names_and_types_by_node,
        node.get_client_names_and_types_by_node,
    )
    return Use(*(frozenset(name for name, _ in read(NODE, NAMESPACE)) for read in readers))


@contextmanager
def listening(peer: Peer, image: str) -> Iterator[None]:
    """Without listeners the node does not subscribe its camera."""
    kinds = {"segmentation/label": Image, "segmentation/camera_info": CameraInfo}
    node = peer.node
    opened = [node.create_subscription(kind, name, print, 10) for name, kind in kinds.items()]
    peer.until(lambda: {image, "/camera_info"} <= in_use(peer).subscribed, "the camera's topics")
    yield
    for subscription in opened:
        node.destroy_subscription(subscription)


def test_the_policy_is_exactly_what_the_node_uses(
    peer: Peer, bayesian_channel_model: Path, tmp_path: Path
) -> None:
    use = Use(*(frozenset[str]() for _ in fields(Use)))
    options = ("-p", f"model:={bayesian_channel_model}", "-p", "use_sim_time:=true")
    with running_node(tmp_path / "log", *options):
        for transport, image in (("raw", "/image"), ("compressed", "/image/compressed")):
            assert peer.set_parameter("image_transport", transport).successful
            assert peer.transition("configure")
            assert peer.transition("activate")
            with listening(peer, image):
                use |= in_use(peer)
            assert peer.transition("deactivate")
            assert peer.transition("cleanup")
    policy = ET.parse(shipped(POLICY)).getroot()
    assert granted(policy, "topic", "publish") - OPTIONAL == use.published - OPTIONAL
    assert granted(policy, "topic", "subscribe") == use.subscribed
    assert granted(policy, "service", "reply") == use.served | NEWER
    assert granted(policy, "service", "request") == use.asked == frozenset()
    assert policy.findall(".//actions") == []


def test_a_name_more_or_less_is_found() -> None:
    policy = ET.parse(shipped(POLICY)).getroot()
    published = granted(policy, "topic", "publish")
    assert published > OPTIONAL
    assert {"/segmentation/label", "/diagnostics"} < published
    (group,) = policy.findall(".//topics[@publish='ALLOW']")
    group.remove(group[0])
    ET.SubElement(group, "topic").text = "cmd_vel"
    changed = granted(policy, "topic", "publish")
    assert changed - published == {"/cmd_vel"}
    assert published - changed == {"/segmentation/label"}


def test_no_rule_is_a_pattern() -> None:
    """A wildcard would grant what nobody has looked at."""
    policy = ET.parse(shipped(POLICY)).getroot()
    assert (policy.tag, policy.attrib) == ("policy", {"version": "0.2.0"})
    names = [entry.text or "" for kind in ("topic", "service") for entry in policy.iter(kind)]
    assert len(names) > 20
    assert not [name for name in names if set(name) & set("*?[")]
