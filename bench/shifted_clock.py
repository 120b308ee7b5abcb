# SPDX-License-Identifier: Apache-2.0
"""A process whose system time jumps when it is told to: containers have no clock to be set."""

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

from segnet_ros.ros.fastdds import VARIABLES

COMPILER = shutil.which("cc")

# What shares memory shares a clock, too: Fast DDS takes a process of another time for dead.
_NO_SHARED_MEMORY = """<?xml version="1.0" encoding="UTF-8" ?>
<dds xmlns="http://www.eprosima.com">
  <profiles>
    <transport_descriptors>
      <transport_descriptor>
        <transport_id>udp</transport_id>
        <type>UDPv4</type>
        <interfaceWhiteList><address>127.0.0.1</address></interfaceWhiteList>
      </transport_descriptor>
    </transport_descriptors>
    <participant profile_name="udp" is_default_profile="true">
      <rtps>
        <userTransports><transport_id>udp</transport_id></userTransports>
        <useBuiltinTransports>false</useBuiltinTransports>
      </rtps>
    </participant>
  </profiles>
</dds>
"""
_SOURCE = Path(__file__).with_suffix(".c")
_SHIFT = struct.Struct("@q")
_NS_PER_S = 1_000_000_000


class ShiftedClock:
    """Shifts the time of every process that is started with its variables.

    It is as far away as a process of another machine: messages go through the network stack.

    Args:
        folder: For the library and the shift.

    Raises:
        RuntimeError: there is no C compiler.

    """

    def __init__(self, folder: Path) -> None:
        if COMPILER is None:
            msg = "no C compiler: cc was not found, and the clock's shim must be compiled"
            raise RuntimeError(msg)
        self._library = folder / "shifted_clock.so"
        self._file = folder / "shift"
        self._profile = folder / "udp.xml"
        self._profile.write_text(_NO_SHARED_MEMORY, encoding="utf-8")
        self.shift(0.0)
        options = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
        command = [COMPILER, *options, "-o", str(self._library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True)

    @property
    def variables(self) -> Mapping[str, str]:
        """The environment of a process that is to have this clock."""
        return {
            **os.environ,
            **dict.fromkeys(VARIABLES, str(self._profile)),
            # The range LOCALHOST would bring shared memory back.
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT",
            "LD_PRELOAD": str(self._library),
            "SHIFTED_CLOCK": str(self._file),
        }

    def shift(self, seconds: float) -> None:
        """Set how far the time is ahead of the genuine one; what runs jumps at once."""
        # In place: the processes have mapped the file.
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(_SHIFT.pack(int(seconds * _NS_PER_S)))
