from types import SimpleNamespace

from rclpy.qos import QoSPolicyKind

from segnet_ros.ros.qos import explain_incompatible_qos


def test_names_topic_policy_and_remedy():
    event = SimpleNamespace(last_policy_kind=QoSPolicyKind.DURABILITY.value, total_count=1)
    text = explain_incompatible_qos("/camera/image_raw", "the camera", event)
    assert text.startswith("/camera/image_raw: nothing will arrive, because the camera asks for")
    assert "another durability" in text
    assert "ros2 topic info -v /camera/image_raw" in text


def test_an_unknown_policy_is_still_told():
    event = SimpleNamespace(last_policy_kind=-5, total_count=1)
    assert "policy -5" in explain_incompatible_qos("/a", "a subscriber", event)
