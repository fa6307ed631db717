"""Figures of the Gram studies: predictions stand beside what was measured."""

from collections.abc import Callable

from matplotlib.figure import Figure

from bnflow.io.study import StudyResult

Drawn = Callable[[str], tuple[StudyResult, Figure]]


def labels(figure: Figure) -> list[str]:
    return [str(line.get_label()) for ax in figure.axes for line in ax.lines]


def test_predictions_are_beside_what_was_measured(drawn: Drawn) -> None:
    width = labels(drawn("gram-width")[1])
    assert any(label.startswith("depth 6: -") for label in width)
    assert "slope $-1/2$" in width
    depth = labels(drawn("gram-depth")[1])
    assert any("Sigma" in label for label in depth)
    assert any(label.startswith("bound, $C") for label in depth)
    assert any(label.startswith("exact law") for label in depth)
    assert any(r"\kappa^\ell" in label for label in labels(drawn("gram-mixing")[1]))
    assert any("predicted 1.200" in label for label in labels(drawn("gram-gradient")[1]))


def test_what_is_not_computed_says_so(drawn: Drawn) -> None:
    texts = [text.get_text() for ax in drawn("gram-depth")[1].axes for text in ax.texts]
    assert texts == ["relu, no BN: not computed"]
