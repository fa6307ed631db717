"""A run as one HTML file that stands alone: results, audits in words, figures, config, provenance.

No script, no font and no picture from elsewhere: figures are PNG inside, and a content policy
forbids the browser to fetch anything.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from ..kernels.errors import InputError
from ..pde.frame import Layout
from .report import describe, rows
from .safefile import atomic_bytes
from .verdicts import Verdict, overall, verdicts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .run import Run

DPI = 130
CAPTIONS = {
    "overview": "The run on one page.",
    "density": "Where the neurons are: density over direction and outer weight.",
    "marginals": "The two marginal laws over time.",
    "measure": "The signed measure ∫ a ρ da, which is all that the network's output sees.",
    "sphere": "Signed measure and law of the directions on the sphere; both sides of the globe.",
    "function": "The learned function beside its target.",
    "curves": "Risks, free energy and the audits over time.",
    "neurons": "The neurons and their ways from the start.",
    "overlay": "Neurons at finite width over the density of infinite width.",
    "comparison": "Beside particles: risks, differences and networks.",
}
OF_GRID = {
    2: ("overview", "density", "marginals", "function", "curves"),
    3: ("overview", "sphere", "density", "marginals", "function", "curves"),
    4: ("overview", "density", "marginals", "measure", "function", "curves"),
}
OF_NEURONS = ("overview", "neurons", "function", "curves")
WORDS = {"good": "good", "mind": "mind it", "bad": "not good"}
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 62rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.sub { color: #555; margin-top: .2rem; } .sum { font-size: 1.05rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid #ddd;
         vertical-align: top; }
th { font-weight: 600; color: #555; } td.n, th.n { text-align: right; }
.wide { overflow-x: auto; }
.good, .mind, .bad { font-weight: 600; white-space: nowrap; }
.good::before { content: "\\2713  "; color: #009E73; }
.mind::before { content: "!  "; color: #B35900; }
.bad::before { content: "\\2717  "; color: #b00020; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .9rem; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .85rem; }
"""
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write(run: Run, path: Path) -> None:
    """Write the file. Raises InputError where there is nothing to tell, or nowhere to write."""
    if not path.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {path.parent} does not exist")
    if not len(run.time):
        raise InputError("this run has no saved time yet: nothing to report")
    try:
        atomic_bytes(path, page(run).encode())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None


def page(run: Run) -> str:
    """The file's text."""
    title = f"bnflow run {run.path.name if run.path else 'in memory'}"
    found = verdicts(run)
    body = [f"<h1>{escape(title)}</h1>", f'<p class="sub">{escape(describe(run))}</p>']
    body += ["<h2>How far to trust it</h2>", f'<p class="sum">{escape(overall(found))}</p>']
    body += [_audits(found), _limits(run)]
    body += ["<h2>Figures</h2>", *_figures(run)]
    body += ["<h2>Saved times</h2>", _table(rows(run), numbers=True)]
    body += _beside_particles(run)
    body += ["<h2>Configuration</h2>", f"<pre>{escape(run.config_toml)}</pre>"]
    body += ["<h2>Provenance</h2>", _table([["what", "how it was made"], *_provenance(run)])]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _audits(found: Sequence[Verdict]) -> str:
    head = ("audit", "verdict", "measured", "what it means")
    lines = [
        f'<tr><td>{escape(each.audit)}</td><td class="{each.judgement}">{WORDS[each.judgement]}'
        f"</td><td>{escape(each.measured)}</td><td>{escape(each.meaning)}</td></tr>"
        for each in found
    ]
    top = "".join(f"<th>{cell}</th>" for cell in head)
    return f'<div class="wide"><table><tr>{top}</tr>{"".join(lines)}</table></div>'


def _limits(run: Run) -> str:
    """What no audit can say."""
    if not isinstance(run.layout, Layout):
        text = (
            "The audits are of this network at finite width. How far it is from infinite width "
            "is seen beside a density or other widths: bnflow compare."
        )
    else:
        text = (
            "The audits are of the scheme on this grid. Error bars come from coarser grids "
            "(bnflow converge) or from neurons (bnflow run --shadow-particles, bnflow compare)."
        )
    return f"<p>{escape(text)}</p>"


def _figures(run: Run) -> Iterator[str]:
    from .figures import draw

    kinds: Sequence[str] = OF_NEURONS
    if isinstance(run.layout, Layout):
        kinds = OF_GRID[run.layout.dimension]
    for kind in kinds:
        try:
            yield _figure(draw(run, kind), CAPTIONS[kind])
        except InputError as error:  # fields that were not stored
            yield f'<p class="sub">{escape(f"No figure {kind}: {error}")}.</p>'
    if isinstance(run.layout, Layout) and _shadow(run) is not None:
        yield _figure(draw(run, "neurons"), CAPTIONS["overlay"])


def _beside_particles(run: Run) -> Iterator[str]:
    if _shadow(run) is None or run.shadow is None:
        return
    yield "<h2>Beside particles</h2>"
    yield f"<pre>{escape(run.shadow.summary())}</pre>"
    yield _figure(run.shadow.plot(), CAPTIONS["comparison"])


def _shadow(run: Run) -> Run | None:
    """The run of particles beside this one, once it is complete."""
    found = run.shadow_run
    return found if found is not None and found.status == "complete" else None


def _figure(drawn: Figure, caption: str) -> str:
    from .figures.style import styled

    buffer = io.BytesIO()
    with styled():
        drawn.savefig(buffer, format="png", dpi=DPI)
    data = base64.b64encode(buffer.getvalue()).decode()
    image = f'<img alt="{escape(caption)}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _table(lines: Iterable[Sequence[str]], numbers: bool = False) -> str:
    kind = ' class="n"' if numbers else ""
    head, *rest = [[escape(cell) for cell in line] for line in lines]
    top = "".join(f"<th{kind}>{cell}</th>" for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td{kind}>{cell}</td>' for cell in line)}</tr>\n" for line in rest
    )
    return f'<div class="wide"><table><tr>{top}</tr>\n{body}</table></div>'


def _provenance(run: Run) -> Iterator[list[str]]:
    for name, value in run.provenance.items():
        yield [name.replace("_", " "), value if isinstance(value, str) else json.dumps(value)]
