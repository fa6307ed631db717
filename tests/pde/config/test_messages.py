"""Every mistake is told in one line: the key, the value seen, what is allowed, what to try."""

import re

import pytest

from bnflow import __version__
from bnflow.kernels.errors import InputError
from bnflow.pde.config import load_config

FILE = 'data={kind="file", path="x.csv", inputs=["a","b"], targets="y"}'


def told(*overrides: str) -> str:
    with pytest.raises(InputError) as caught:
        load_config(None, overrides)
    return str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        # unknown keys and tables
        ("solver.cell=3", "solver.cell is no key; did you mean solver.cells?"),
        ("cells=3", "cells is no key; did you mean solver.cells?"),
        ("sovler.cells=3", "sovler is no key; did you mean solver?"),
        ("loss.zzz=3", "loss.zzz is no key; keys of [loss]: kind, delta"),
        ("data.samples=3", 'data.samples is no key of data with kind = "population", only'),
        # types: no string or boolean for a number, no fraction for an integer
        ("solver.cells=2.5", "solver.cells = 2.5 must be an integer from 4 to 65536"),
        ('solver.cells="8"', 'solver.cells = "8" must be an integer from 4'),
        ("time.end=true", "time.end = true must be a number > 0"),
        ("solver=3", "solver = 3 must be a table"),
        ("data=3", 'data = 3 must be a table with kind = "population", "sampled", "file" or'),
        ("initial.a=normal", 'initial.a = "normal" must be a table with kind = "normal",'),
        # ranges and closed sets
        ("solver.cells=3", "solver.cells = 3 must be an integer from 4 to 65536"),
        ("network.weight_norm=0", "network.weight_norm = 0 must be a number from 1e-06 to"),
        ("solver.tolerance=0", "solver.tolerance = 0 must be a number >= 1e-09"),
        ("target.noise=-1", "target.noise = -1 must be a number >= 0"),
        ("run.seed=-1", "run.seed = -1 must be an integer >= 0"),
        ("initial.a.std=0", "initial.a.std = 0 must be a number > 0"),
        ("solver.scheme=mucsl", 'must be "upwind", "muscl" or "weno"; did you mean "muscl"?'),
        ("run.backend=gpu", 'run.backend = "gpu" must be "auto", "numpy" or "cuda"'),
        ("data.kind=foo", 'data.kind = "foo" must be "population", "sampled", "file" or "arrays"'),
        ("network.train=[]", 'network.train = [] must be a non-empty list of "w", "a"'),
        ('network.train=["w", "b"]', 'network.train[1] = "b" must be "w", "a", "gamma" or "beta"'),
        ('network.train=["w", "w"]', "names one twice"),
        # not finite
        ("time.end=nan", "time.end = nan must be a number > 0"),
        ("data.covariance=[1, inf]", "data.covariance[1] = inf must be a finite number"),
        # covariance
        ("data.covariance=[1, -1]", "is negative; give variances"),
        ("data.covariance=[1, 0]", "takes d = 2 to 4; the covariance of 2 columns has rank 1"),
        ("data.covariance=[0, 0]", "is zero; give at least one positive variance"),
        ("data.covariance=[[1, 2], [2, 1]]", "is negative in some direction"),
        ("data.covariance=[[1, 1], [1, 1]]", "the covariance of 2 columns has rank 1"),
        ("data.covariance=[[1, 2], [3, 9]]", "is not symmetric"),
        ("data.covariance=[2]", 'data: d = 1, and solver.method = "grid" takes d = 2 to 4'),
        ("data.covariance=[[1, 0], [0]]", "is not square; give 2 rows of 2 numbers"),
        ("data.covariance=[1, 1, 1, 1, 1]", 'd = 5, and solver.method = "grid" takes d = 2 to 4'),
        ("data.covariance=[1, 1, 1]", "need inputs of dimension 2 and these have d = 3"),
        ("data.mean=[1]", "data.mean has 1 entries and data.covariance has 2 columns"),
        ("data.kind=sampled", "data.samples is missing: data.samples must be an integer from 2"),
        ("data={kind='sampled', samples=2}", 'data: d = 1, and solver.method = "grid" takes'),
        ("run.seed=9223372036854775808", "does not fit 64 bits"),
        # targets
        ("target.angles=[1]", "target.weights has 2 entries and target.angles 1"),
        ("target.directions=[[1, 0], [0, 0]]", "holds a vector of no direction"),
        ("target.directions=[[1, 0], [0, 1, 0]]", "a vector of length 3 and the"),
        ("target={weights=[1]}", "target needs either angles (d = 2) or directions; neither"),
        ('target={kind="file"}', 'target.kind = "file" needs data.kind = "file", not "population"'),
        ('target={kind="arrays"}', 'target.kind = "arrays" needs data.kind = "arrays", not'),
        ('target={kind="linaer"}', 'target.kind = "linaer" must be "teacher", "single-index", '),
        ('target={kind="linear"}', "target.coefficients is missing: target.coefficients must be a"),
        ('target={kind="linear", coefficients=[1]}', "a vector of length 1 and the inputs have 2"),
        ('target={kind="single-index", angle=0}', "target.hermite is missing"),
        ('target={kind="single-index", hermite=[1]}', "either angle (d = 2) or direction; neither"),
        ('target={kind="single-index", hermite=[1], direction=[0, 0]}', "a vector of no direction"),
        ('target={kind="single-index", hermite=[], angle=0}', "must be a non-empty list of nu"),
        ("target.hermite=[1]", 'target.hermite is no key of target with kind = "teacher", only'),
        ("target.label=signs", 'target.label = "signs" must be "sign"; did you mean "sign"?'),
        ("target.label=sign", 'target.label = "sign" has no closed form on data.kind = "popu'),
        ('target={kind="function"}', 'a target function has no closed form on data.kind = "popul'),
        ("network.metric=rund", '"rund" must be "bn" or "round"; did you mean "round"?'),
        # rates
        ("training.rates.a=0", "training.rates.a = 0 must be a number > 0"),
        ("training.rates.w=fast", 'training.rates.w = "fast" must be a number > 0'),
        ("training.rates.b=1", "training.rates.b is no key"),
        ("training.rates=1", "training.rates = 1 must be a table"),
        # losses
        ("loss.kind=logistc", 'must be "square", "logistic" or "huber"; did you mean "logistic"?'),
        ("loss.kind=logistic", 'loss.kind = "logistic" has no closed form on data.kind = "popul'),
        ("loss.kind=huber", 'loss.kind = "huber" has no closed form on data.kind = "population"'),
        ("loss.delta=1", 'loss.delta needs loss.kind = "huber", not "square"; leave it out'),
        ("loss={kind='huber', delta=0}", "loss.delta = 0 must be a number > 0"),
        # initial directions
        ("initial.w=unifrom", 'initial.w = "unifrom" must be "uniform", "uniform-whitened", '),
        ('initial.w={kind="vmf"}', "initial.w.mean is missing"),
        ('initial.w={kind="vmf", mean=[0, 0]}', "initial.w.mean = [0, 0] has no direction"),
        ('initial.w={kind="vmf", mean=[1, 0, 0]}', "initial.w.mean has 3 entries and the inputs"),
        ('initial.w={kind="vmf", mean=[1, 0], concentration=-1}', "a number from 0 to 1000000"),
        ('initial.w={kind="vmf", mean=[1, 0], concentration=1e8}', "a number from 0 to 1000000"),
        # initial laws, ranges
        ('initial.a={kind="two-point", values=[1, 1]}', "is one number twice"),
        ('initial.a={kind="uniform", range=[1, 0]}', "is empty; give [low, high]"),
        ("solver.a_range=[1, 1]", "solver.a_range = [1, 1] is empty; give [low, high]"),
        ("solver.a_range=[1]", 'solver.a_range[1] is missing: solver.a_range must be "auto"'),
        ("solver.a_range=[1, 2]", "does not hold the initial outer weights"),
        # times
        ("time.cfl=0.6", 'unstable with solver.scheme = "muscl"; allowed: at most 0.5'),
        ("time.save=[1, -1]", "time.save = [1, -1] holds a negative time"),
        ("time.save={log=[2, 1, 3]}", "with 0 < first < last"),
        ("time.save={log=[1, 2, 1]}", "with 2 <= count"),
        ("time.save={lgo=[1, 2, 1]}", "time.save.lgo is no key; time.save must be a list of times"),
        ("time.save_every=1e-9", "makes more than 100000 saves"),
        ("time={save=[1], save_every=1}", "time.save and time.save_every are both given"),
        ("training.temperature=-1", "training.temperature = -1 is negative; give a temperature"),
        ("training.temperature=hot", "must be a number >= 0 or a list of [t, τ] with growing t"),
        ("training.temperature=[]", "must be a number, or pairs [t, τ] with growing t"),
        ("training.temperature=[[1, 0], [1, 1]]", "or pairs [t, τ] with growing t >= 0"),
        ("training.temperature=[[-1, 0.1]]", "or pairs [t, τ] with growing t >= 0"),
        ("training.temperature=[[0, -0.1]]", "holds a negative temperature; give τ >= 0"),
        ('training.temperature=[[0, "hot"]]', 'temperature[0][1] = "hot" must be a number'),
        ("training.temperature=[0.1, 0.2]", "must be a number, or pairs [t, τ] with"),
        ("training.ridge=-1", "training.ridge = -1 must be a number >= 0"),
        ("solver.interaction=line", 'did you mean "lines"?'),
        ("solver.interaction=lines", 'data.kind = "population" has none; give "auto", or'),
        ("run.dtype=float16", 'run.dtype = "float16" must be "float64" or "float32"'),
    ],
)  # fmt: skip
def test_mistakes(override: str, message: str) -> None:
    assert message in told(override)


@pytest.mark.parametrize(
    ("override", "available"),
    [
        ("solver.method=sgd", "grid, particles"),
        ("network.weight_norm=[1, 2]", "a number from 1e-06"),
        ("data.kind=isotropic-pair", "population, sampled, file"),
        ("training.weight_decay=0.1", "0.0"),
    ],
)
def test_reserved_values_are_not_yet_and_never_silent(override: str, available: str | None) -> None:
    message = told(override)
    assert f"is not yet available in bnflow {__version__}; available: {available or ''}" in message


@pytest.mark.parametrize("key", ["data.spike", "solver.w_range"])
def test_reserved_keys_without_a_neutral_value_are_to_be_left_out(key: str) -> None:
    assert told(f"{key}=1").endswith(f"not yet available in bnflow {__version__}; leave it out")


def test_neutral_values_of_reserved_keys_are_accepted() -> None:
    neutral = ["training.temperature=0", "training.rates={a=1}", "network.eps=0.0"]
    assert load_config(None, neutral) == load_config()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('data.path="x.txt"', "is of no known kind; allowed: .npz, .csv, .h5"),
        ('data.inputs="a"', "data.inputs must be a list of columns for a .csv file"),
        ('data.path="x.npz"', "data.inputs must be the name of one dataset"),
        ('data.inputs=["a", "a"]', "data.inputs names a column twice"),
        (
            'data.inputs=["a", "b", "c", "d", "e"]',
            'd = 5, and solver.method = "grid" takes d = 2 to 4; data.components = 4 keeps',
        ),
        ("data.components=3", "data.components = 3 is more than the 2 columns"),
        ("data.components=0", "data.components = 0 must be an integer >= 1"),
        ("data.test_fraction=1", "data.test_fraction = 1 must be a number >= 0 and < 1"),
    ],
)
def test_mistakes_about_data_files(change: str, message: str) -> None:
    assert message in told(FILE, "target={}", change)


def test_transforms_are_of_population_data() -> None:
    sampled = 'data={kind="sampled", covariance=[2, 1], samples=9}'
    message = told(sampled, "solver.interaction=transform")
    assert message.endswith('is for data.kind = "population", not "sampled"; give "auto", "direct" '
                            'or "lines"')  # fmt: skip


def test_the_kind_of_a_table_that_does_not_say_is_the_default() -> None:
    with pytest.raises(
        InputError, match=r'data\.samples is no key of data with kind = "population"'
    ):
        load_config({"data": {"samples": 3}})


def test_several_mistakes_are_counted() -> None:
    assert told("solver.cells=1", "time.end=-1", "run.seed=x").endswith("(and 2 more)")


def test_long_values_are_cut_and_line_breaks_removed() -> None:
    with pytest.raises(InputError) as caught:
        load_config({"run": {"backend": "x\n" * 500}})
    assert re.search(r' \.\.\. must be "auto", ', str(caught.value))
    assert "\n" not in str(caught.value)
