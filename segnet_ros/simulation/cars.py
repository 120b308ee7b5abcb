# SPDX-License-Identifier: Apache-2.0
"""Cars and vans as small bodies of flat faces."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from segnet_ros.simulation.camera import Points
from segnet_ros.simulation.layout import Thing
from segnet_ros.simulation.light import LEFT, RIGHT, TOWARDS, UP, Colour, Normal
from segnet_ros.simulation.noise import stream
from segnet_ros.simulation.painter import Face, Painter
from segnet_ros.simulation.street_class import StreetClass

_PAINTS: tuple[Colour, ...] = (
    (176, 180, 184),
    (148, 152, 158),
    (58, 62, 70),
    (30, 32, 36),
    (150, 30, 34),
    (36, 60, 118),
    (214, 214, 210),
    (40, 84, 66),
    (92, 120, 150),
    (120, 26, 40),
    (96, 98, 100),
    (188, 178, 150),
)
_GLASS: Colour = (46, 54, 62)
_TYRE: Colour = (30, 30, 32)
_TRIM: Colour = (48, 50, 52)
_DETAIL_PIXELS = 14.0


@dataclass(frozen=True)
class CarShape:
    """Measures of a body in metres; z runs from the rear bumper to the front bumper.

    Attributes:
        length, width, belt: length, width and the height of the window line.
        roof: height of the roof.
        cabin: z of the cabin's rear foot, roof's rear end, roof's front end and windscreen's foot.
        nose: height of the bonnet's front edge.
        wheel: radius of the wheels.

    """

    length: float
    width: float
    belt: float
    roof: float
    cabin: tuple[float, float, float, float]
    nose: float
    wheel: float


_SHAPES = {
    "hatchback": CarShape(3.9, 1.68, 0.94, 1.46, (0.06, 0.46, 1.9, 2.85), 0.74, 0.31),
    "saloon": CarShape(4.5, 1.74, 0.94, 1.43, (0.75, 1.3, 2.5, 3.3), 0.72, 0.32),
    "estate": CarShape(4.5, 1.74, 0.95, 1.48, (0.05, 0.4, 2.5, 3.3), 0.73, 0.32),
    "suv": CarShape(4.5, 1.84, 1.08, 1.76, (0.05, 0.3, 2.5, 3.2), 0.92, 0.37),
    "van": CarShape(4.9, 1.92, 1.16, 2.2, (0.02, 0.12, 3.5, 4.3), 1.0, 0.34),
}


@lru_cache(maxsize=512)
def choose_car(style: int) -> tuple[CarShape, Colour, bool]:
    """Return the shape, the paint and whether it is a panel van, for a style."""
    rng = stream(style, 60)
    kind = str(rng.choice(list(_SHAPES), p=(0.36, 0.24, 0.16, 0.12, 0.12)))
    paint = _PAINTS[int(rng.integers(len(_PAINTS)))]
    if kind == "van" and rng.random() < 0.6:
        paint = (222, 222, 218)
    return _SHAPES[kind], paint, kind == "van"


def _dim(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def _cross(shape: CarShape, z: float, y: float, share: float) -> list[tuple[float, float, float]]:
    """Return the left and right point of the body at (z, y) and a share of the half width."""
    half = 0.5 * shape.width * share
    return [(-half, y, z), (half, y, z)]


def _sheet(
    shape: CarShape, low: tuple[float, float, float], high: tuple[float, float, float]
) -> Points:
    """Return a panel across the car between two (z, y, share of half width), [4, 3]."""
    return np.array(_cross(shape, *low) + _cross(shape, *high)[::-1])


def _side_faces(shape: CarShape, paint: Colour, panel_van: bool, sign: int) -> list[Face]:
    """Return the flank on side `sign`: body, cabin, windows, wheels."""
    normal = RIGHT if sign > 0 else LEFT
    foot, rear, front, screen = shape.cabin
    half, belt = 0.5 * shape.width * sign, shape.belt
    low, end = 0.24, shape.length

    def flank(outline: list[tuple[float, float]], lean: float = 0.0) -> Points:
        rise = max(shape.roof - belt, 1e-6)
        return np.array([(half * (1 - lean * max(0.0, y - belt) / rise), y, z) for z, y in outline])

    body = [
        (0.04, low),
        (0.0, 0.5),
        (0.03, belt),
        (screen, belt),
        (end - 0.25, shape.nose + 0.06),
        (end, shape.nose - 0.12),
        (end, low + 0.06),
        (end - 0.1, low),
    ]
    cabin = [(foot, belt), (rear, shape.roof - 0.02), (front, shape.roof), (screen, belt)]
    faces = [
        Face(flank(cabin, 0.2), paint, normal, StreetClass.CAR),
        Face(flank(body), paint, normal, StreetClass.CAR),
    ]
    faces.append(
        Face(
            flank(
                [
                    (0.0, belt - 0.02),
                    (screen, belt - 0.02),
                    (screen, belt - 0.10),
                    (0.0, belt - 0.10),
                ]
            ),
            _dim(paint, 1.12),
            (0.8 * sign, 0.6, 0.0),
        )
    )
    faces.append(
        Face(
            flank([(0.1, 0.4), (end - 0.1, 0.4), (end - 0.1, low), (0.1, low)]),
            _dim(paint, 0.62),
            normal,
        )
    )
    top = shape.roof - 0.09
    share = (top - belt) / (shape.roof - belt)
    window = [
        (foot + 0.22 * (1 - share) + 0.2, belt + 0.02),
        (rear + 0.12, top),
        (front - 0.02, top),
        (screen - 0.18, belt + 0.02),
    ]
    if panel_van:
        window = [
            (front - 0.75, belt + 0.02),
            (front - 0.75, top - 0.25),
            (front, top - 0.25),
            (screen - 0.2, belt + 0.02),
        ]
    faces.append(Face(flank(window, 0.2), _GLASS, (0.7 * sign, 0.7, 0.0)))
    middle = 0.5 * (rear + front) + 0.25
    if not panel_van:
        pillar = [(middle, belt), (middle, top), (middle + 0.09, top), (middle + 0.09, belt)]
        faces.append(Face(flank(pillar, 0.2), _dim(paint, 0.7), normal))
    for z in (middle + 0.05, screen - 0.1):
        gap = [(z, 0.34), (z, belt), (z + 0.02, belt), (z + 0.02, 0.34)]
        faces.append(Face(flank(gap), _dim(paint, 0.6), normal))
    for axle in (0.72, end - 0.80):
        faces += _wheel_faces(shape, axle, half, normal)
    return faces


def _wheel_faces(shape: CarShape, axle: float, x: float, normal: Normal) -> list[Face]:
    """Return a wheel in its arch: tyre and rim."""
    faces = []
    angles = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    for radius, colour, label in (
        (1.16, (22, 22, 24), None),
        (1.0, _TYRE, StreetClass.CAR),
        (0.62, (136, 138, 140), None),
        (0.2, (70, 72, 74), None),
    ):
        r = radius * shape.wheel
        y = np.maximum(shape.wheel + r * np.sin(angles), 0.0 if radius <= 1 else 0.24)
        ring = np.stack([np.full(14, x), y, axle + r * np.cos(angles)], axis=1)
        faces.append(Face(ring, colour, normal, label))
    return faces


def _lamp_faces(
    shape: CarShape, z: float, low: float, high: float, inner: float, colour: Colour, lit: bool
) -> list[Face]:
    """Return the pair of lamps at an end."""
    half = 0.5 * shape.width * 0.97
    faces = []
    for sign in (-1, 1):
        corners = [
            (sign * inner * half, low, z),
            (sign * half, low + 0.03, z),
            (sign * half, high, z),
            (sign * (inner + 0.03) * half, high - 0.02, z),
        ]
        faces.append(Face(np.array(corners), colour, TOWARDS, None, shines=lit))
    return faces


def _plate(z: float, low: float, colour: Colour) -> list[Face]:
    """Return a number plate."""

    def bar(half: float, low: float, high: float, colour: Colour) -> Face:
        corners = [(-half, low, z), (half, low, z), (half, high, z), (-half, high, z)]
        return Face(np.array(corners), colour, TOWARDS)

    ink = _dim(colour, 0.4)
    return [bar(0.27, low, low + 0.12, colour), bar(0.21, low + 0.03, low + 0.09, ink)]


def _rear_faces(shape: CarShape, paint: Colour, panel_van: bool, lit: bool) -> list[Face]:
    """Return what is seen from behind."""
    foot, rear, _, _ = shape.cabin
    belt, roof = shape.belt, shape.roof
    red: Colour = (255, 60, 44) if lit else (156, 26, 28)
    faces = [
        Face(
            _sheet(shape, (foot, belt, 1.0), (rear, roof, 0.80)),
            paint,
            (0.0, 0.5, -0.86),
            StreetClass.CAR,
        ),
        Face(_sheet(shape, (0.0, belt, 1.0), (foot, belt + 0.02, 1.0)), paint, UP, StreetClass.CAR),
        Face(_sheet(shape, (0.02, 0.24, 1.0), (0.0, belt, 1.0)), paint, TOWARDS, StreetClass.CAR),
        Face(_sheet(shape, (0.0, 0.28, 0.98), (0.0, 0.46, 1.0)), _dim(paint, 0.78), TOWARDS),
        Face(_sheet(shape, (0.0, 0.46, 0.99), (0.0, 0.48, 0.99)), _dim(paint, 0.5), TOWARDS),
    ]
    low, high = belt + 0.04, roof - 0.1
    if not panel_van:
        faces += _screen_faces(shape, (foot, rear), low, high, (0.86, 0.72))
    elif roof > 2:
        faces.append(
            Face(
                _sheet(shape, (0.0, 0.5, 0.012), (0.02, roof - 0.1, 0.012)),
                _dim(paint, 0.6),
                TOWARDS,
            )
        )
    faces += _lamp_faces(shape, 0.0, belt - 0.26, belt - 0.02, 0.74, red, lit)
    faces += _plate(0.0, belt - 0.28, (214, 178, 52))
    return faces


def _front_faces(shape: CarShape, paint: Colour, lit: bool) -> list[Face]:
    """Return what is seen from the front."""
    _, _, roof_z, screen = shape.cabin
    end, nose, belt, roof = shape.length, shape.nose, shape.belt, shape.roof
    lamp: Colour = (255, 250, 226) if lit else (214, 218, 220)
    faces = [
        Face(
            _sheet(shape, (screen, belt, 1.0), (roof_z, roof, 0.80)),
            paint,
            (0.0, 0.7, -0.7),
            StreetClass.CAR,
        ),
        Face(
            _sheet(shape, (end - 0.1, nose, 1.0), (screen, belt + 0.01, 1.0)),
            _dim(paint, 1.08),
            (0.0, 0.97, -0.2),
            StreetClass.CAR,
        ),
        Face(
            _sheet(shape, (end, 0.24, 1.0), (end - 0.1, nose + 0.01, 1.0)),
            paint,
            TOWARDS,
            StreetClass.CAR,
        ),
    ]
    faces += _screen_faces(shape, (screen, roof_z), belt + 0.04, roof - 0.08, (0.88, 0.72))
    faces += [
        Face(_sheet(shape, (end, nose - 0.2, 0.5), (end, nose - 0.06, 0.52)), _TRIM, TOWARDS),
        Face(_sheet(shape, (end, 0.28, 0.62), (end, 0.38, 0.66)), _TRIM, TOWARDS),
        Face(_sheet(shape, (end, 0.46, 0.97), (end, 0.49, 0.97)), _dim(paint, 0.6), TOWARDS),
    ]
    faces += _lamp_faces(shape, end, nose - 0.22, nose - 0.04, 0.62, lamp, lit)
    faces += _plate(end, 0.40, (226, 226, 218))
    return faces


def _screen_faces(
    shape: CarShape, zs: tuple[float, float], low: float, high: float, shares: tuple[float, float]
) -> list[Face]:
    """Return a front or rear window with the sky reflected in its upper part."""

    def at(y: float) -> tuple[float, float, float]:
        up = (y - shape.belt) / (shape.roof - shape.belt)
        return zs[0] + up * (zs[1] - zs[0]), y, shares[0] + up * (shares[1] - shares[0])

    middle = low + 0.55 * (high - low)
    return [
        Face(_sheet(shape, at(low), at(high)), _GLASS, (0.0, 0.6, -0.8)),
        Face(_sheet(shape, at(middle), at(high)), _dim(_GLASS, 1.7), (0.0, 0.6, -0.8)),
    ]


def _underside_faces(shape: CarShape, bumper: float, axle: float) -> list[Face]:
    """Return what shows under an end: the dark underbody and two tyres."""
    underbody = _sheet(shape, (bumper, 0.14, 0.82), (bumper, 0.3, 0.82))
    faces = [Face(underbody, (20, 20, 22), TOWARDS, StreetClass.CAR)]
    for sign in (-1, 1):
        inner, outer = sign * (0.5 * shape.width - 0.24), sign * (0.5 * shape.width - 0.03)
        corners = [(inner, 0.0, axle), (outer, 0.0, axle), (outer, 0.4, axle), (inner, 0.4, axle)]
        faces.append(Face(np.array(corners), _TYRE, TOWARDS, StreetClass.CAR))
    return faces


def _roof_face(shape: CarShape, paint: Colour) -> Face:
    _, rear, front, _ = shape.cabin
    sheet = _sheet(shape, (rear, shape.roof, 0.8), (front, shape.roof, 0.8))
    return Face(sheet, paint, UP, StreetClass.CAR)


@lru_cache(maxsize=512)
def car_faces(style: int, oncoming: bool, lit: bool, flank: int) -> list[Face]:
    """Return the visible faces of a car in painting order.

    Points are metres [N, 3]: right of the car's middle, up, ahead of its nearest end. `flank`
    tells which flank is seen: -1 the left, +1 the right, 0 neither.
    """
    shape, paint, panel_van = choose_car(style)
    end = shape.length
    faces = _underside_faces(shape, *((end - 0.1, end - 0.65) if oncoming else (0.1, 0.55)))
    faces.append(_roof_face(shape, paint))
    if flank:
        faces += _side_faces(shape, paint, panel_van, flank)
    if not oncoming:
        return faces + _rear_faces(shape, paint, panel_van, lit)
    faces += _front_faces(shape, paint, lit)
    return [face._replace(points=face.points * (1, 1, -1) + (0, 0, shape.length)) for face in faces]


def draw_car(painter: Painter, thing: Thing) -> None:
    """Paint a car; on the right side of the road it shows its front."""
    depth = thing.s - painter.camera.s
    if depth < -6.0:
        return
    lateral = thing.x + float(painter.camera.bend(thing.s)) - painter.camera.x
    half = 0.5 * choose_car(thing.style)[0].width
    flank = 0 if abs(lateral) < half else (-1 if lateral > 0 else 1)
    faces = car_faces(thing.style, thing.side > 0, painter.light.lamps, flank)
    if painter.camera.focal * 1.7 < _DETAIL_PIXELS * depth:
        faces = [face for face in faces if face.label is not None or face.shines]
    painter.faces(faces, np.array([thing.x, 0.0, thing.s]))
