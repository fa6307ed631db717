"""The Fisher studies at small sizes: what they find, and that each verdict can fail."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from bnflow.depth.fisher import descend, fisher_theory, max_learning_rate
from bnflow.depth.studies.fisher_gamma import correlations, left_out
from bnflow.depth.studies.fisher_heatmap import breakdown
from bnflow.depth.studies.fisher_losses import Trial, loss_map, trial
from bnflow.depth.studies.fisher_networks import CURVES_OF, architecture, images, layer, theory
from bnflow.depth.studies.registry import STUDIES
from bnflow.depth.studies.settings import settings_of
from bnflow.depth.studies.study import Piece, Verdict
from bnflow.io.study import run_study
from bnflow.kernels.errors import InputError

SMALL: dict[str, dict[str, Any]] = {
    "fisher-eigenvalue": {
        "networks": ["dense"],
        "gammas": [0.5, 1.0],
        "side": 8,
        "width": 200,
        "dense_samples": 30,
        "nets": 3,
        "many_nets": 10,
    },
    "fisher-step": {
        "networks": ["dense"],
        "gammas": [1.0],
        "momenta": [0.9],
        "side": 6,
        "width": 24,
        "samples": 12,
        "epochs": 200,
        "explosion_epochs": 30,
    },
    "fisher-heatmap": {
        "networks": ["dense"],
        "gammas": [0.5, 2.0],
        "rates": 7,
        "side": 8,
        "width": 40,
        "samples": 60,
        "batch": 20,
        "epochs": 2,
    },
    "fisher-gamma": {
        "networks": ["dense"],
        "gammas": [0.5, 1.0, 2.0],
        "log_rates": [-3.0, -1.0],
        "rates": 4,
        "side": 8,
        "width": 40,
        "samples": 60,
        "batch": 20,
        "epochs": 2,
        "nets": 4,
    },
    "fisher-speed": {
        "networks": ["dense"],
        "gammas": [0.5],
        "side": 8,
        "width": 40,
        "samples": 60,
        "epochs": 30,
        "nets": 4,
    },
}


@cache
def computed(name: str) -> tuple[dict[str, Any], dict[str, Piece]]:
    study = STUDIES[name]
    settings = settings_of(study, True, SMALL[name])
    return settings, {piece: study.compute(piece, settings) for piece in study.pieces(settings)}


def planted(name: str, changes: dict[str, Callable[[Any], Any]]) -> Verdict:
    """The verdict on what was computed, arrays of that name changed wherever they are."""
    settings, pieces = computed(name)

    def changed(piece: Piece) -> Piece:
        return {
            array: replace(each, values=changes[array](each.values)) if array in changes else each
            for array, each in piece.items()
        }

    return STUDIES[name].judge(settings, {key: changed(piece) for key, piece in pieces.items()})


def statuses(verdict: Verdict, told: str) -> set[str]:
    found: set[str] = {finding.status for finding in verdict.findings if told in finding.quantity}
    assert found
    return found


@pytest.mark.parametrize("name", [name for name in SMALL if name != "fisher-gamma"])
def test_nothing_fails_at_small_sizes(name: str) -> None:
    settings, pieces = computed(name)
    verdict = STUDIES[name].judge(settings, pieces)
    assert not [str(finding) for finding in verdict.findings if finding.status == "fails"]


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("fisher-eigenvalue", {"full_both": lambda x: 0.9 * x}, "quotient / theory"),
        ("fisher-eigenvalue", {"quotient": lambda x: 2.0 * x}, "quotient / theory"),
        ("fisher-eigenvalue", {"lambda_max": lambda x: x[::-1]}, "with / without BN"),
        ("fisher-eigenvalue", {"lambda_max": lambda x: x[:, ::-1]}, "least slope"),
        ("fisher-step", {"critical": lambda x: 1.05 * x}, "critical step"),
        ("fisher-step", {"measured": lambda x: 1.05 * x}, "critical step"),
        ("fisher-heatmap", {"paper": lambda x: 100.0 * x}, "breaks down"),
        ("fisher-gamma", {"half": lambda x: 9.0 - x}, "rank correlation of loss with gamma"),
        ("fisher-gamma", {"loss": lambda x: x[::-1]}, "best eta"),
        ("fisher-speed", {"loss": lambda x: x[::-1]}, "last loss"),
    ],
)
def test_a_planted_error_fails(
    name: str, changes: dict[str, Callable[[Any], Any]], told: str
) -> None:
    verdict = planted(name, changes)
    assert verdict.status == "fails"
    assert "fails" in statuses(verdict, told)


def test_a_loss_that_rises_with_gamma_holds() -> None:
    """Planted: each choice of eta gives the loss gamma, in every network alike."""
    gammas = np.array(SMALL["fisher-gamma"]["gammas"])
    changes = {"half": lambda _: gammas, "fixed": lambda _: gammas}
    verdict = planted("fisher-gamma", {**changes, "loss": lambda x: np.outer(gammas, x[0] * 0 + 1)})
    assert verdict.status == "holds"
    assert all(each.value == 1.0 for each in verdict.findings if "rank" in each.quantity)
    numbers = verdict.numbers["fully connected, 0.5 eta*"]
    assert numbers["p, loss rises with gamma"] < 0.01
    assert numbers["p, loss falls with gamma"] > 0.99


def test_the_critical_step_is_that_of_theory_without_a_word_of_it() -> None:
    """A bracket by training alone; epochs = 200 tell apart what grows by 1/200 a step."""
    _, pieces = computed("fisher-step")
    for piece in pieces.values():
        low, high = piece["critical"].values[0]
        measured = float(piece["measured"].values[0])
        assert low / 1.005 <= measured <= 1.005 * high
        assert high <= 1.011 * low


def test_a_network_that_cannot_be_made_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    """The dense one could, and would leave a file with settings that nobody wants."""
    study, file = STUDIES["fisher-eigenvalue"], tmp_path / "f.h5"
    wrong = settings_of(study, True, {"side": 1})
    with pytest.raises(InputError, match="taps = 3 on an image of 1"):
        run_study(study, wrong, file)
    assert not file.exists()


def test_momenta_and_kinds_have_one_network() -> None:
    """eta* of the measured eigenvalue at 0.9 is 1.9 times that at 0."""
    study = STUDIES["fisher-step"]
    small = {"gammas": [1.0], "momenta": [0.0, 0.9], "epochs": 16, "explosion_epochs": 3}
    settings = settings_of(study, True, {**SMALL["fisher-step"], **small})
    steps = [
        study.compute(f"dense-full-{momentum}", settings)["measured"].values
        for momentum in ("0", "0.9")
    ]
    assert steps[1] == pytest.approx(1.9 * steps[0], rel=1e-12)


def test_rank_correlations_are_those_of_scipy() -> None:
    loss = np.random.default_rng(0).random((5, 6))
    loss[0, :2] = loss[0, 2]  # ties
    expected = [spearmanr(np.arange(6), row).statistic for row in loss]
    np.testing.assert_allclose(correlations(loss), expected, atol=1e-14)
    assert correlations(np.ones((1, 4)))[0] == 0.0


def test_no_network_chooses_its_own_learning_rate() -> None:
    loss = np.random.default_rng(1).random((4, 3, 5))
    found = left_out(loss)
    for net in range(4):
        others = [k for k in range(4) if k != net]
        for gamma in range(3):
            best = int(np.argmin([np.median(loss[others, gamma, rate]) for rate in range(5)]))
            assert found[net, gamma] == loss[net, gamma, best]


def test_the_breakdown_is_between_the_last_usable_rate_and_the_next() -> None:
    settings, pieces = computed("fisher-heatmap")
    ends = breakdown(settings, pieces, "dense")
    rates = next(iter(pieces.values()))["rate"].values
    for row, (low, high) in enumerate(ends):
        loss = np.median([piece["loss"].values[row] for piece in pieces.values()], axis=0)
        first = np.median([piece["first"].values[row] for piece in pieces.values()])
        assert loss[rates == low] < first
        assert not (loss[rates > low] < first).any()
        assert high == rates[rates > low].min()


def small_trial(seed: int = 0) -> tuple[dict[str, Any], Trial]:
    settings = settings_of(STUDIES["fisher-heatmap"], True, SMALL["fisher-heatmap"])
    return settings, trial(settings, "dense", np.random.default_rng(seed))


def test_losses_are_those_of_training_and_infinite_where_it_ran_away() -> None:
    settings, of = small_trial()
    found = loss_map(of)
    rates = found["rate"].values
    run = descend(
        of.network(2.0),
        of.theta,
        of.data.x,
        of.data.targets,
        rates[1],
        epochs=settings["epochs"],
        momentum=settings["momentum"],
        batch=settings["batch"],
        rng=np.random.default_rng(of.order),
    )
    assert found["loss"].values[1, 1] == run.loss[-1]
    assert found["first"].values[1] == run.loss[0]
    assert np.isinf(found["loss"].values[1, -1])
    eigenvalue = of.network(2.0).lambda_max(of.theta, of.data.x)
    expected = float(max_learning_rate(eigenvalue, settings["momentum"]))
    assert found["measured"].values[1] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("kind", CURVES_OF)
def test_curves_are_the_theory_with_its_corrections(kind: str) -> None:
    settings = settings_of(STUDIES["fisher-eigenvalue"], True, {})
    built, spec = architecture("conv", settings), layer(kind, 0.7)
    found = theory(built, kind, 0.7, 25)
    assert tuple(found) == CURVES_OF[kind]
    assert found["paper"] == fisher_theory(built, spec).bound
    options = {
        "plain": {},
        "frozen": {"variance": "centred"},
        "full": {"variance": "centred", "statistics": "full"},
    }[kind]
    last = fisher_theory(built, spec, samples=25, **options).quotient
    assert found[CURVES_OF[kind][-1]] == last


def test_pieces_that_saw_other_images_are_refused() -> None:
    settings, pieces = computed("fisher-speed")
    piece = pieces["dense-0"]
    other = {**piece, "checksum": replace(piece["checksum"], values=np.asarray(1))}
    with pytest.raises(InputError, match="images of digits changed between two pieces"):
        STUDIES["fisher-speed"].judge(settings, {**pieces, "dense-0": other})


def test_images_of_ones_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = tmp_path / "own.npz"
    labels = np.arange(60) % 10
    np.savez(file, images=rng.random((60, 8, 8)), labels=labels)
    changes = {**SMALL["fisher-speed"], "images": str(file), "samples": 40, "epochs": 2}
    study = STUDIES["fisher-speed"]
    settings = settings_of(study, True, changes)
    assert images(settings).x.shape == (60, 8, 8)
    assert run_study(study, settings, None).complete
    with pytest.raises(InputError, match=r"are 8 x 8; give side = 8"):
        images({**settings, "side": 28})
    np.savez(file, images=rng.random((60, 8, 8)), labels=labels % 3)
    with pytest.raises(InputError, match="has 3 classes; give images of 10"):
        images(settings)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("fisher-eigenvalue", {"networks": "dens"}, 'network "dens" must be dense or conv; did'),
        ("fisher-eigenvalue", {"gammas": [1.0]}, "must ascend from above 0, 2 at least"),
        ("fisher-gamma", {"gammas": [1.0, 2.0]}, "must ascend from above 0, 3 at least"),
        ("fisher-heatmap", {"gammas": [1.0, 0.5]}, "must ascend from above 0"),
        ("fisher-step", {"gammas": [0.0, 0.5]}, "must ascend from above 0"),
        ("fisher-speed", {"nets": 1}, "nets = 1 must be an integer >= 2"),
        ("fisher-heatmap", {"rates": 1}, "rates = 1 must be an integer >= 2"),
        ("fisher-heatmap", {"log_rates": [0.5]}, "log_rates = [0.5] must be two that ascend"),
        ("fisher-heatmap", {"log_rates": [0.5, -1.0]}, "log_rates = [0.5, -1.0] must be two"),
        ("fisher-speed", {"images": "none.npz"}, "none.npz is no readable .npz file"),
        ("fisher-speed", {"samples": 2000}, "samples = 2000 is more than the 1797 images"),
        ("fisher-speed", {"momentum": 1.0}, "momentum = 1.0 must be at least 0 and below 1"),
        ("fisher-eigenvalue", {"networks": "conv", "side": 7}, "taps = 3 on an image of 2"),
    ],
)
def test_sizes_without_a_meaning_are_one_line(name: str, change: dict[str, Any], told: str) -> None:
    study = STUDIES[name]
    with pytest.raises(InputError) as error:
        run_study(study, settings_of(study, True, {**SMALL[name], **change}), None)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
