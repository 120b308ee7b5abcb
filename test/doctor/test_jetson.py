# SPDX-License-Identifier: Apache-2.0

import pytest

from segnet_ros.doctor import jetson
from segnet_ros.doctor.finding import Finding

RELEASE = "# R{} (release), REVISION: {}, GCID: 1, BOARD: generic, EABI: aarch64, DATE: today\n"
ORIN_NANO = """
< PARAM TYPE=FILE NAME=CPU_ONLINE >
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< POWER_MODEL ID=3 NAME=7W >
< PM_CONFIG DEFAULT=1 >
"""


def files(release: str, revision: str, mode: int | None = None, modes: str = ORIN_NANO):
    status = {} if mode is None else {"var/lib/nvpmodel/status": f"pmode:{mode:04}\n"}
    release_file = {"etc/nv_tegra_release": RELEASE.format(release, revision)}
    return release_file | status | {"etc/nvpmodel.conf": modes}


def test_other_machines_have_nothing_to_say(machine) -> None:
    assert jetson.check(machine()) == []


@pytest.mark.parametrize(
    ("release", "revision", "found"),
    [
        ("36", "3.0", "Jetson Linux 36.3.0 (JetPack 6.0)"),
        ("36", "4.0", "Jetson Linux 36.4.0 (JetPack 6.1)"),
        ("36", "4.3", "Jetson Linux 36.4.3 (JetPack 6.2)"),
        ("36", "4.7", "Jetson Linux 36.4.7 (JetPack 6.2.1)"),
        ("38", "2.0", "Jetson Linux 38.2.0 (JetPack 7.0)"),
        ("38", "4", "Jetson Linux 38.4 (JetPack 7.1)"),
        ("39", "2.1", "Jetson Linux 39.2.1 (JetPack 7.2.1)"),
        ("39", "9.0", "Jetson Linux 39.9.0 (JetPack 7, release not known here)"),
        ("41", "1.0", "Jetson Linux 41.1.0 (JetPack ?, release not known here)"),
    ],
)
def test_release_names_its_jetpack(machine, release: str, revision: str, found: str) -> None:
    here = machine(files(release, revision))
    assert jetson.check(here)[0] == Finding("Jetson", "ok", found)


def test_jetpack_5_is_too_old(machine) -> None:
    assert jetson.check(machine(files("35", "4.1")))[0] == Finding(
        "Jetson",
        "warning",
        "Jetson Linux 35.4.1 (JetPack 5, release not known here) is older than JetPack 6",
        "flash JetPack 6 or 7",
    )


def test_the_fastest_power_mode_is_well(machine) -> None:
    expected = Finding("Jetson", "ok", "power mode MAXN_SUPER, the fastest of 4")
    assert jetson.check(machine(files("36", "4.3", 2)))[1] == expected


def test_a_slower_power_mode_gets_the_number_of_the_fastest(machine) -> None:
    assert jetson.check(machine(files("36", "4.3", 0)))[1] == Finding(
        "Jetson",
        "warning",
        "power mode 15W; MAXN_SUPER is faster",
        "`sudo nvpmodel -m 2`, then `sudo jetson_clocks`, before building engines: those of "
        "another power mode are built anew",
    )


def test_without_a_state_the_default_mode_counts(machine) -> None:
    assert jetson.check(machine(files("36", "4.3")))[1].found == (
        "power mode 25W; MAXN_SUPER is faster"
    )


def test_without_maxn_the_mode_of_most_watts_is_the_fastest(machine) -> None:
    modes = "< POWER_MODEL ID=0 NAME=MODE_9W >\n< POWER_MODEL ID=1 NAME=MODE_40W >\n"
    finding = jetson.check(machine(files("36", "4.3", 0, modes)))[1]
    assert finding.found == "power mode MODE_9W; MODE_40W is faster"
    assert finding.remedy.startswith("`sudo nvpmodel -m 1`")


def test_plain_maxn_is_slower_than_super(machine) -> None:
    modes = "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=4 NAME=MAXN_SUPER >\n"
    finding = jetson.check(machine(files("36", "4.3", 0, modes)))[1]
    assert finding.found == "power mode MAXN; MAXN_SUPER is faster"


def test_in_a_container_the_mode_is_unknown(machine) -> None:
    here = machine({"etc/nv_tegra_release": RELEASE.format("36", "4.3")})
    assert jetson.check(here)[1] == Finding(
        "Jetson",
        "note",
        "power mode unknown",
        "`sudo nvpmodel -q` tells the mode, /etc/nvpmodel.conf names the others",
    )
