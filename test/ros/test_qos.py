# SPDX-License-Identifier: Apache-2.0

import pytest
from rclpy.duration import Duration
from rclpy.qos import (
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSLivelinessPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)

from segnet_ros.ros.qos import (
    clashing_policies,
    incompatibility,
    profile_in_words,
)

RELIABLE = QoSProfile(depth=5)
BEST_EFFORT = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
ENDLESS = Duration(nanoseconds=2**63 - 1)


def discovered(**policies) -> QoSProfile:
    """A profile as the middleware tells it of another node."""
    return QoSProfile(
        history=QoSHistoryPolicy.UNKNOWN,
        lifespan=ENDLESS,
        deadline=policies.pop("deadline", ENDLESS),
        liveliness=QoSLivelinessPolicy.AUTOMATIC,
        liveliness_lease_duration=ENDLESS,
        **policies,
    )


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (BEST_EFFORT, "best effort, volatile, keep last 1"),
        (RELIABLE, "reliable, volatile, keep last 5"),
        (LATCHED, "reliable, transient local, keep last 1"),
        (QoSProfile(history=QoSHistoryPolicy.KEEP_ALL), "reliable, volatile, keep all"),
        (
            QoSProfile(depth=2, deadline=Duration(nanoseconds=50_000_000)),
            "reliable, volatile, keep last 2, deadline 0.05 s",
        ),
        (
            QoSProfile(depth=1, liveliness=QoSLivelinessPolicy.MANUAL_BY_TOPIC),
            "reliable, volatile, keep last 1, liveliness manual by topic",
        ),
        (
            discovered(
                reliability=QoSReliabilityPolicy.BEST_EFFORT,
                durability=QoSDurabilityPolicy.VOLATILE,
            ),
            "best effort, volatile",
        ),
    ],
)
def test_profiles_in_words(profile: QoSProfile, words: str) -> None:
    assert profile_in_words(profile) == words


@pytest.mark.parametrize(
    ("publisher", "subscription", "reason", "policies"),
    [
        (BEST_EFFORT, RELIABLE, "best effort publisher and reliable subscription", ["reliability"]),
        (RELIABLE, LATCHED, "volatile publisher and transient local subscr", ["durability"]),
        (BEST_EFFORT, LATCHED, "reliable subscription, volatile", ["reliability", "durability"]),
        (
            RELIABLE,
            QoSProfile(depth=1, deadline=Duration(seconds=1)),
            "deadline",
            [],
        ),
    ],
)
def test_what_does_not_fit(publisher, subscription, reason, policies) -> None:
    told = incompatibility(publisher, subscription)
    assert reason in told
    assert "ERROR" not in told
    assert not told.endswith((";", " "))
    assert clashing_policies(publisher, subscription) == policies


def test_what_fits() -> None:
    for subscription in (RELIABLE, BEST_EFFORT):
        assert incompatibility(LATCHED, subscription) == ""
        assert clashing_policies(LATCHED, subscription) == []


def test_defaults_fit_the_same_defaults_as_discovered() -> None:
    # rclpy alone takes the endless deadline of discovery for one that the default does not keep.
    found = discovered(
        reliability=QoSReliabilityPolicy.RELIABLE, durability=QoSDurabilityPolicy.VOLATILE
    )
    assert incompatibility(RELIABLE, found) == ""
    assert incompatibility(found, RELIABLE) == ""
