"""Every name in a bnflow file: what it is, on which dimensions it lives, in which unit.

One declaration drives the writer, the reader, `info` and the figures. All quantities are
dimensionless, the flow's time included ("s" would make xarray decode it as a duration); `units`
is "1" throughout. A diagnostic that is not declared here is stored as it comes.

Versions: a file says "major.minor". The same major reads, ignoring names that it does not know; a
newer major is refused with a hint.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..kernels.errors import InputError

SCHEMA = "1.2"
CONVENTIONS = "CF-1.11"


@dataclass(frozen=True)
class Quantity:
    """What a dataset holds.

    dims : the axes after time; None where they depend on the run
    needs : the hypothesis under which a diagnostic means what it says; stored as its comment
    """

    long_name: str
    dims: tuple[str, ...] | None = ()
    units: str = "1"
    role: str = "coordinate"
    needs: str = ""


def _diagnostic(long_name: str, *dims: str, needs: str = "") -> Quantity:
    return Quantity(long_name, dims, role="diagnostic", needs=needs)


COORDINATES = {
    "time": Quantity("gradient-flow time"),
    "step": Quantity("steps taken"),
    "panel": Quantity("panel 2k + (s > 0) of the cubed sphere, around the point s e_k"),
    "xi": Quantity("equiangular coordinate of the cell centres"),
    "a": Quantity("outer weight"),
    "a_initial": Quantity("outer weights of the axis at the start"),
    "axis": Quantity("coordinate of the (projected) inputs"),
    "axis_other": Quantity("coordinate of the (projected) inputs"),
    "input": Quantity("column of the raw inputs"),
    "a_weight": Quantity("width of the a cell; 1 on a list of fixed values", ("a",)),
    "a_first": Quantity("first a cell of the frame, counted from the first cell at the start"),
    "a_count": Quantity("number of a cells of the frame"),
    "cell_volume": Quantity("Riemannian volume of the direction cell, r^(d-1) included", None),
    "direction_raw": Quantity("raw direction u = w/|w|", None),
    "direction_whitened": Quantity("whitened direction v = S^(1/2) u / |S^(1/2) u|", None),
    "data_mean": Quantity("mean that batch normalization removes", ("axis",)),
    "data_covariance": Quantity("covariance S of batch normalization", ("axis", "axis_other")),
    "input_basis": Quantity("principal directions of the raw inputs", ("axis", "input")),
    "input_centre": Quantity("mean removed before the projection", ("input",)),
    "tracer": Quantity("passive tracers of a density"),
    "replica": Quantity("independent networks on one clock"),
    "neuron": Quantity("neurons of a network"),
    "neuron_mass": Quantity("share of each neuron in its network; sums to 1", ("neuron",)),
    "target_shift": Quantity("the network learns (y - shift) / scale"),
    "target_scale": Quantity("the network learns (y - shift) / scale"),
}

FIELDS = {
    "rho": Quantity("density per unit Riemannian volume and per unit a", None, role="field"),
    "marginal": Quantity(
        "law of the directions, int rho da per Riemannian volume", None, role="field"
    ),
    "a_law": Quantity("law of the outer weights, int rho dv per unit a", ("a",), role="field"),
    "measure": Quantity("signed measure int a rho da per Riemannian volume", None, role="field"),
    "second_moment": Quantity("int a^2 rho da per Riemannian volume", None, role="field"),
    "direction": Quantity(
        "raw direction u = w/|w| of each neuron; w itself in a plain network",
        ("replica", "neuron", "axis"),
        role="field",
    ),
    "tracer_direction": Quantity(
        "raw direction u = w/|w| of each tracer", ("tracer", "axis"), role="field"
    ),
    "tracer_a": Quantity("outer weight of each tracer", ("tracer",), role="field"),
    "a": Quantity("outer weight of each neuron", ("replica", "neuron"), role="field"),
    "gamma": Quantity(
        "scale of each neuron, in sigma(gamma z + beta)", ("replica", "neuron"), role="field"
    ),
    "beta": Quantity(
        "shift of each neuron, in sigma(gamma z + beta)", ("replica", "neuron"), role="field"
    ),
}

DIAGNOSTICS = {
    "risk": _diagnostic("risk E l(y, f) under the training law"),
    "test_risk": _diagnostic("risk on the held-out rows"),
    "population_risk": _diagnostic("risk under the law of the data, in closed form"),
    "free_energy": _diagnostic("free energy"),
    "entropy": _diagnostic("entropy integral of rho log rho"),
    "mass": _diagnostic("total mass of rho"),
    "min_density": _diagnostic("smallest cell average of rho"),
    "dissipation": _diagnostic("dissipation, the integral of |grad (Psi + tau log rho)|^2 drho"),
    "dissipation_defect": _diagnostic("relative defect of the energy-dissipation identity"),
    "stationarity": _diagnostic(
        "integral of |grad (Psi + tau log rho)|^2 drho over what is trained, rates left out",
        needs="0 at a stationary state, and only there",
    ),
    "certificate": _diagnostic(
        "bound on risk - risk(rho*) for every rho* with int |a| drho* <= certificate_size",
        needs="a convex loss; sup |h| is over the centres of the cells",
    ),
    "certificate_size": _diagnostic(
        "int |a| drho* of that bound: of the teacher where it is such a network, else of rho"
    ),
    "sharpness": _diagnostic(
        "largest eigenvalue of the Gauss-Newton operator, the metric's mobility and rates inside",
        needs="an activation without jumps where w is trained; of neurons, the first replica's, "
        "and on a normal law of at most 1,024 neurons",
    ),
    "critical_steps": _diagnostic(
        "int sharpness dt / 2: gradient steps of the largest stable length",
        needs="saved times as close as the sharpness changes",
    ),
    "sign_changed_mass": _diagnostic(
        "of neurons, mass whose a has another sign than at the start; of a density, mass that has "
        "passed a = 0, whichever way",
        needs="of a density, an upper bound; with noise, of the mean current",
    ),
    "displacement": _diagnostic(
        "bound on W2(rho(0), rho(t)) in the metric: of neurons, their root mean square distance "
        "from the start; of a density, the length of its way",
        needs="an upper bound",
    ),
    "sup_h": _diagnostic("largest |h(v)|, the speed of a"),
    "a_mean": _diagnostic("mean of a"),
    "a_second_moment": _diagnostic("mean of a^2"),
    "a_max": _diagnostic("largest |a| that carries mass"),
    "weight_norm": _diagnostic(
        "norm r = |w| of the inner weights; root mean square where it moves"
    ),
    "wall_mass": _diagnostic("mass in the two outermost a cells of each side"),
    "unresolved_mass": _diagnostic("mass in features narrower than three cells"),
    "w_second_moment": _diagnostic("second moment of the whitened v", "axis", "axis_other"),
    "manifold_drift": _diagnostic("departure of w from its manifold that the steps removed"),
    "balance_drift": _diagnostic(
        "largest relative change of a^2 - |w|^2, or a^2 - gamma^2 - beta^2, of a neuron"
    ),
    "risk_replicas": _diagnostic("risk of each replica", "replica"),
    "test_risk_replicas": _diagnostic("risk of each replica on the held-out rows", "replica"),
}


def quantity_of(name: str, role: str) -> Quantity:
    """The declaration of a name, or a plain one for a name that came with the run."""
    for table in (COORDINATES, FIELDS, DIAGNOSTICS):
        known = table.get(name)
        if known is not None and known.role == role:
            return known
    return Quantity(name.replace("_", " "), None, role=role)


def check_version(found: str, where: str) -> None:
    """Refuse a file of a newer major version.

    >>> check_version("1.7", "here")
    """
    major, ours = found.partition(".")[0], SCHEMA.partition(".")[0]
    if not major.isdigit() or int(major) > int(ours):
        raise InputError(
            f"{where} has file format {found}; this bnflow reads up to {ours}.x: "
            "upgrade it with pip install --upgrade bnflow"
        )
