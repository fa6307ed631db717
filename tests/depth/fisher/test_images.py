"""Real images: standardised as the theory takes them, and refused in one line."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from bnflow.depth.fisher import digits, images_from
from bnflow.kernels.errors import InputError


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (30, 6, 6)).astype(np.uint8)
    np.savez(tmp_path / "some.npz", images=pixels, labels=np.arange(30) % 3, flat=pixels[:, 0])
    return tmp_path / "some.npz"


def test_pixels_have_mean_zero_and_all_together_variance_one(archive: Path) -> None:
    found = images_from(archive)
    assert found.x.shape == (30, 6, 6)
    assert np.abs(found.x.mean(axis=0)).max() < 1e-14
    assert found.x.std() == pytest.approx(1.0, rel=1e-14)
    drawn = found.drawn(10, np.random.default_rng(0))
    assert np.abs(drawn.x.mean(axis=0)).max() < 1e-14
    assert drawn.x.std() == pytest.approx(1.0, rel=1e-14)


def test_targets_are_one_hot_less_their_mean(archive: Path) -> None:
    found = images_from(archive)
    assert found.targets.shape == (30, 3)
    assert np.array_equal(found.targets.argmax(axis=1), found.labels)
    assert np.abs(found.targets.mean(axis=0)).max() < 1e-15
    few = [found.drawn(2, np.random.default_rng(seed)) for seed in range(9)]
    assert min(each.labels.max() for each in few) < 2  # the last class is not in all of them
    assert {each.targets.shape for each in few} == {(2, 3)}


@pytest.mark.skipif(find_spec("sklearn") is None, reason="scikit-learn is absent")
def test_digits_keep_their_corners_and_labels() -> None:
    """Bilinear enlargement passes through the given pixels at the corners of the image."""
    from sklearn.datasets import load_digits

    found, given = digits(), load_digits()
    assert found.x.shape == (1797, 28, 28)
    assert np.array_equal(found.labels, given.target)
    ours, theirs = found.x[:, 0, -1], given.images[:, 0, -1]
    assert np.ptp(ours - (theirs - theirs.mean()) * np.ptp(ours) / np.ptp(theirs)) < 1e-12


def test_without_scikit_learn_digits_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(InputError, match=r'pip install "bnflow\[analysis\]", or give a .npz'):
        digits()


def test_bad_files_are_told_in_one_line(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "nan.npz", images=np.full((3, 4), np.nan), labels=np.arange(3))
    np.savez(tmp_path / "same.npz", images=np.ones((3, 4)), labels=np.arange(3))
    np.savez(tmp_path / "real.npz", images=np.eye(4), labels=np.ones(4) / 2)
    cases = [
        (lambda: images_from(tmp_path / "none.npz"), "is no readable .npz file"),
        (lambda: images_from(tmp_path / "text.npz"), "is no readable .npz file"),
        (lambda: images_from(archive, "image"), 'no array "image", only .*did you mean images?'),
        (lambda: images_from(archive, "flat", "labels"), r"of shape \(30, 6\) .*\(n, side, side\)"),
        (lambda: images_from(tmp_path / "nan.npz"), "must be finite numbers"),
        (lambda: images_from(tmp_path / "same.npz"), "all images are the same"),
        (lambda: images_from(tmp_path / "real.npz"), "must be 4 integers >= 0"),
        (lambda: images_from(archive).drawn(31, np.random.default_rng(0)), "more than the 30"),
        (lambda: digits(4), "side = 4 must be an integer >= 8"),
    ]
    for call, message in cases:
        with pytest.raises(InputError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
