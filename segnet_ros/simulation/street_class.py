# SPDX-License-Identifier: Apache-2.0
"""The eleven CamVid classes and void, in CamVid's order."""

import enum


class StreetClass(enum.IntEnum):
    """Label ids, identical to the ids of the 11-class CamVid label images."""

    SKY = 0
    BUILDING = 1
    POLE = 2
    ROAD = 3
    PAVEMENT = 4
    TREE = 5
    SIGN_SYMBOL = 6
    FENCE = 7
    CAR = 8
    PEDESTRIAN = 9
    BICYCLIST = 10
    VOID = 11
