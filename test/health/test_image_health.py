# SPDX-License-Identifier: Apache-2.0
"""A camera's pictures: frozen, black, overexposed, blurred, or neither though they look like it."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from segnet_ros.health.image_health import ImageHealth

Pixels = npt.NDArray[np.uint8]
SIZE = (320, 240)
LOOKS = 9
LEARNING = 25


def _scene(size: tuple[int, int] = SIZE) -> Pixels:
    """Squares of sharp edges and fine lines."""
    squares = np.random.default_rng(5).integers(30, 220, (15, 20, 3)).astype(np.uint8)
    scene = np.asarray(cv2.resize(squares, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    scene[:: size[1] // 24] //= 2
    return scene


def _noisy(image: Pixels, sigma: float, seed: float) -> Pixels:
    noise = np.random.default_rng(int(1000 * seed)).normal(0, sigma, image.shape)
    return np.asarray(np.clip(image + noise.round(), 0, 255), np.uint8)


def _blurred(image: Pixels, sigma: float) -> Pixels:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _uniform(level: int) -> Pixels:
    return np.full((*SIZE[::-1], 3), level, np.uint8)


class _Camera:
    """Shows pictures to an ImageHealth, two a second."""

    def __init__(self) -> None:
        self.health = ImageHealth()
        self.now = 100.0

    def show(self, image: Pixels, looks: int = LOOKS, noise: float = 1.0) -> list[str]:
        for _ in range(looks):
            self.health.look(_noisy(image, noise, self.now) if noise else image, self.now)
            self.now += 0.5
        return list(self.health.problems)


@pytest.fixture
def camera() -> _Camera:
    return _Camera()


def test_nothing_is_known_before_the_first_picture() -> None:
    health = ImageHealth()
    assert (list(health.problems), dict(health.values)) == ([], {})


def test_a_sharp_scene_with_noise_is_healthy(camera: _Camera) -> None:
    assert camera.show(_scene(), 60) == []
    assert float(camera.health.values["sharpness"]) > 10
    assert camera.health.values["sharpness"] != "unknown"


def test_values() -> None:
    image = _uniform(0)
    image[:] = (100, 150, 200)  # brightness 140.75
    image[:, :80] = 255
    image[:, 80:112] = 10
    health = ImageHealth()
    health.look(image, 0.0)
    assert dict(health.values) == {
        "brightness": "156",  # 0.25 * 255 + 0.1 * 10 + 0.65 * 140.75
        "dark [%]": "10.0",
        "saturated [%]": "25.0",
        "sharpness": "12.2",
        "usual sharpness": "unknown",
    }


def test_looks_are_half_a_second_apart() -> None:
    health = ImageHealth()
    health.look(_uniform(50), 7.0)
    health.look(_uniform(90), 7.49)
    assert health.values["brightness"] == "50"
    health.look(_uniform(90), 7.5)
    assert health.values["brightness"] == "90"


def test_frozen_after_four_seconds(camera: _Camera) -> None:
    scene = _scene()
    assert camera.show(scene, LOOKS - 1, noise=0) == []
    (problem,) = camera.show(scene, 1, noise=0)
    assert problem.startswith("frozen: the same picture for 4 s although frames arrive")
    (problem,) = camera.show(scene, 12, noise=0)
    assert problem.startswith("frozen: the same picture for 10 s")
    assert camera.show(scene, 1) == []
    assert camera.show(scene, LOOKS - 1, noise=0) == []


def test_the_least_noise_of_a_sensor_is_no_frozen_picture(camera: _Camera) -> None:
    assert camera.show(_scene(), 3 * LOOKS, noise=0.2) == []


@pytest.mark.parametrize("noise", [0, 2])
def test_black(camera: _Camera, noise: float) -> None:
    (problem,) = camera.show(_uniform(16), noise=noise)
    assert problem == (
        "black: 100 % of the pixels are darker than 24 of 255; check lens cap, exposure and cable"
    )


def test_a_shadow_of_seconds_is_not_black(camera: _Camera) -> None:
    camera.show(_scene())
    assert camera.show(_uniform(5), LOOKS - 1) == []
    assert camera.show(_scene(), 1) == []
    assert camera.show(_uniform(5), LOOKS - 1) == []


def test_a_night_with_lamps_is_not_black(camera: _Camera) -> None:
    night = _uniform(8)
    night[:, 100:106] = 200
    assert camera.show(night) == []
    assert camera.health.values["dark [%]"] == "98.1"


@pytest.mark.parametrize("noise", [0, 1])
def test_overexposed(camera: _Camera, noise: float) -> None:
    scene = _scene()
    scene[:, :192] = 255
    (problem,) = camera.show(scene, noise=noise)
    assert problem == "overexposed: 60 % of the picture is saturated; check exposure and gain"


def test_a_white_sky_is_not_overexposed(camera: _Camera) -> None:
    scene = _scene()
    scene[:96] = 255
    assert camera.show(scene) == []


def test_bright_colours_are_not_saturated(camera: _Camera) -> None:
    scene = _scene()
    scene[:] = np.maximum(scene, (255, 255, 0))
    scene[:120] = 245
    camera.show(scene, 1)
    assert camera.health.values["saturated [%]"] == "0.0"


def test_blurred_beside_what_is_usual(camera: _Camera) -> None:
    scene = _scene()
    assert camera.show(scene, LEARNING) == []
    usual = camera.health.values["usual sharpness"]
    assert camera.show(_blurred(scene, 1.2), LOOKS - 1) == []
    (problem,) = camera.show(_blurred(scene, 1.2), 1)
    sharpness = camera.health.values["sharpness"]
    assert 5 < float(sharpness) < 8
    assert problem.startswith(
        f"blurred (sharpness {sharpness}, usually {float(usual):.0f}); check focus"
    )
    # Blur that lasts must not become the usual.
    assert len(camera.show(_blurred(scene, 1.2), 200)) == 1
    assert camera.health.values["usual sharpness"] == usual
    assert camera.show(scene, 1) == []


def test_a_soft_camera_that_was_never_sharper_is_not_called_blurred(camera: _Camera) -> None:
    assert camera.show(_blurred(_scene(), 1.2), 60) == []
    assert 5 < float(camera.health.values["sharpness"]) < 8


def test_blurred_from_the_start(camera: _Camera) -> None:
    (problem,) = camera.show(_blurred(_scene(), 3))
    assert problem == (
        f"blurred (sharpness {camera.health.values['sharpness']}); check focus, and the lens for "
        "water and dirt"
    )


@pytest.mark.parametrize("size", [(320, 240), (640, 480), (1280, 720)])
def test_blur_is_measured_beside_the_width(camera: _Camera, size: tuple[int, int]) -> None:
    assert len(camera.show(_blurred(_scene(size), 3 * size[0] / 320))) == 1


def test_a_featureless_wall_says_nothing_about_sharpness(camera: _Camera) -> None:
    camera.show(_scene(), LEARNING)
    shading = np.linspace(120, 180, SIZE[0])[None, :, None].repeat(3, axis=2)
    wall = np.repeat(shading, SIZE[1], axis=0).astype(np.uint8)
    assert camera.show(_blurred(wall, 3), 2 * LOOKS) == []
    assert camera.health.values["sharpness"] == "unknown"


@pytest.mark.parametrize("contrast", [0.3, 0.6])
def test_fog_and_dusk_are_no_blur(camera: _Camera, contrast: float) -> None:
    scene = _scene()
    camera.show(scene, LEARNING)
    assert camera.show((scene * contrast).astype(np.uint8), 2 * LOOKS) == []


@pytest.mark.parametrize("kernel", [(15, 1), (1, 15)])
def test_motion_blur_is_no_blur(camera: _Camera, kernel: tuple[int, int]) -> None:
    scene = _scene()
    camera.show(scene, LEARNING)
    assert camera.show(np.asarray(cv2.blur(scene, kernel), np.uint8), 2 * LOOKS) == []


def _sharpness(plane: npt.NDArray[np.int64]) -> float:
    health = ImageHealth()
    health.look(np.repeat(plane[:, :, None], 3, axis=2).astype(np.uint8), 0.0)
    return float(health.values["sharpness"])


def test_sharpness_of_a_slope_is_the_least() -> None:
    slope = np.tile(np.arange(240), (240, 1))
    # One grey level from point to point, eight over eight points: 1 / 64.
    assert _sharpness(slope) == _sharpness(slope.T) == 1.6


def test_sharpness_of_edges() -> None:
    across, down = np.meshgrid(np.arange(240), np.arange(240))
    # Every edge lies between one pair of neighbours and between eight pairs eight points apart.
    assert _sharpness((across + down) // 40 % 2 * 100) == pytest.approx(12.5, abs=0.5)


def test_sharpness_of_noise_is_the_highest() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (240, 320))
    assert _sharpness(noise) == pytest.approx(100, abs=4)


def test_reset_forgets_everything(camera: _Camera) -> None:
    scene = _scene()
    camera.show(scene, LEARNING)
    camera.show(scene, noise=0)
    assert camera.health.problems
    camera.health.reset()
    assert (list(camera.health.problems), dict(camera.health.values)) == ([], {})
    camera.now = 0.0  # the clock may start again
    assert camera.show(scene, LOOKS - 1, noise=0) == []
    assert camera.health.values["usual sharpness"] == "unknown"


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8, 3), (8, 400, 3), (400, 16, 3)])
def test_small_pictures_are_looked_at_all_the_same(
    camera: _Camera, shape: tuple[int, int, int]
) -> None:
    image = np.random.default_rng(2).integers(30, 230, shape).astype(np.uint8)
    camera.show(image, noise=0)
    assert camera.health.values["sharpness"] == "unknown"
    assert camera.health.values["dark [%]"] == "0.0"


def test_an_enlarged_picture_is_as_sharp_as_it_was(camera: _Camera) -> None:
    enlarged = cv2.resize(_scene(), (1280, 960), interpolation=cv2.INTER_LINEAR)
    assert camera.show(np.asarray(enlarged, np.uint8)) == []
    assert float(camera.health.values["sharpness"]) > 10


def test_a_view_with_gaps_is_a_picture(camera: _Camera) -> None:
    padded = np.zeros((240, 400, 3), np.uint8)
    padded[:, :320] = (10, 20, 30)
    camera.show(padded[:, :320, ::-1], 1, noise=0)
    assert camera.health.values["brightness"] == "22"  # of (30, 20, 10)
