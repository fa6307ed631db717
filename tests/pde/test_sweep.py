"""Points of a sweep: every combination once, each a checked configuration, named by its content."""

import pytest

from bnflow import InputError, load_config
from bnflow.pde.sweep import points

TINY = {"solver": {"cells": 8, "a_cells": 8}, "time": {"end": 0.1}}


def swept(**sweep: object) -> list[dict[str, object]]:
    return [point.values for point in points(load_config({**TINY, "sweep": sweep}))]


def test_grid_zip_and_seeds_multiply_with_the_last_running_fastest() -> None:
    found = swept(
        grid={"network.weight_norm": [1.0, 2.0]},
        zip={"solver.cells": [8, 16], "solver.a_cells": [8, 12]},
        seeds=2,
    )
    expected = [
        {"network.weight_norm": r, "solver.cells": n, "solver.a_cells": m, "run.seed": seed}
        for r in (1.0, 2.0)
        for n, m in ((8, 8), (16, 12))
        for seed in (0, 1)
    ]
    assert found == expected


def test_nested_tables_are_dotted_names() -> None:
    assert swept(grid={"solver": {"cells": [8, 16]}}) == swept(grid={"solver.cells": [8, 16]})


def test_a_point_is_the_config_that_its_values_make() -> None:
    config = load_config({**TINY, "sweep": {"grid": {"network.weight_norm": [1.0, 2.0]}}})
    second = points(config)[1].config
    assert second == load_config({**TINY, "network": {"weight_norm": 2.0}})
    assert second.sweep is None


def test_names_follow_from_content_and_not_from_the_rest_of_the_sweep() -> None:
    few = points(load_config({**TINY, "sweep": {"grid": {"solver.cells": [8, 16]}}}))
    many = points(load_config({**TINY, "sweep": {"grid": {"solver.cells": [32, 16, 8]}}}))
    assert {point.name for point in few} < {point.name for point in many}
    other = {**TINY, "time": {"cfl": 0.4}, "sweep": {"grid": {"solver.cells": [8, 16]}}}
    assert not {point.name for point in few} & {p.name for p in points(load_config(other))}
    assert all("/" not in point.name and len(point.name) < 100 for point in many)


def test_the_mark_is_of_the_content_alone_whatever_else_is_swept_in_whatever_order() -> None:
    keys = {"solver.cells": [8, 16], "network.weight_norm": [1.0, 2.0]}
    one = points(load_config({**TINY, "sweep": {"grid": keys}}))
    turned = points(load_config({**TINY, "sweep": {"grid": dict(reversed(keys.items()))}}))
    assert [p.name for p in one] != [p.name for p in turned]
    assert {p.mark for p in one} == {p.mark for p in turned}
    less = points(load_config({**TINY, "sweep": {"grid": {"solver.cells": [8, 16]}}}))
    assert {p.mark for p in less} == {p.mark for p in one if p.values["network.weight_norm"] == 1.0}


def test_a_later_end_is_the_same_point_unless_the_end_is_swept() -> None:
    ends = {"time.end": [0.1, 0.2]}
    keys = {"grid": {"solver.cells": [8, 16]}}
    few, more = (points(load_config({"time": {"end": t}, "sweep": keys})) for t in ends["time.end"])
    assert [point.name for point in few] == [point.name for point in more]
    assert few[0].config != more[0].config
    one, other = points(load_config({**TINY, "sweep": {"grid": ends}}))
    assert one.mark != other.mark
    assert few[0].mark not in (one.mark, other.mark)


def test_seeds_draw_other_rows_where_rows_are_drawn() -> None:
    rows = {"kind": "sampled", "samples": 50, "seed": 5}
    config = load_config({**TINY, "data": rows, "sweep": {"seeds": 3}})
    found = points(config)
    assert [p.config.data.seed for p in found] == [5, 6, 7]
    assert [p.config.run.seed for p in found] == [0, 1, 2]
    swept = {"grid": {"data": [{**rows, "samples": 20}, {**rows, "samples": 30}]}, "seeds": 2}
    found = points(load_config({**TINY, "sweep": swept}))
    assert [p.config.data.seed for p in found] == [5, 6, 5, 6]
    listed = {"grid": {"run.seed": [1, 2]}}
    found = points(load_config({**TINY, "data": rows, "sweep": listed}))
    assert [p.config.data.seed for p in found] == [5, 5]


def test_one_point_is_a_sweep_and_a_range_is_a_list() -> None:
    assert swept(grid={"solver.cells": [8]}) == [{"solver.cells": 8}]
    assert swept(seeds=1) == [{"run.seed": 0}]
    assert swept(grid={"run.seed": range(2)}) == [{"run.seed": 0}, {"run.seed": 1}]


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({}, "nothing to sweep"),
        ({"grid": {"network.weight_norm": [1.0, -1.0]}}, "the point network.weight_norm = -1.0: "),
        ({"grid": {"network.weigth_norm": [1.0, 2.0]}}, "did you mean network.weight_norm?"),
        ({"zip": {"solver.cells": [8, 16], "solver.a_cells": [8]}}, "need one length"),
        ({"grid": {"solver.cells": []}}, "has no value"),
        ({"grid": {"solver.cells": [8, 8]}}, "a value twice"),
        ({"grid": {"run.seed": [1, 2]}, "seeds": 2}, "leave one out"),
        ({"grid": {"solver.cells": [8]}, "zip": {"solver.cells": [9]}}, "both have solver.cells"),
        ({"grid": {"output.fields": [["density"], ["moments"]]}}, "no key of the problem"),
        ({"grid": {"solver.cells": 8}}, "sweep.grid: solver.cells = 8 is no list"),
        ({"zip": {"network.activation": "relu"}}, 'sweep.zip: network.activation = "relu" is no'),
        ({"grid": {"target": [abs]}}, "which no config file can hold"),
        ({"grid": {"network.weight_norm": [1, 1.0]}}, "one configuration: network.weight_norm = 1"),
        ({"seeds": 10**6}, "sweep.seeds"),
    ],
)
def test_mistakes_are_one_line(sweep: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as error:
        swept(**sweep)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_points_of_a_job_array() -> None:
    config = load_config({**TINY, "sweep": {"grid": {"solver.cells": [8, 16, 24, 32, 40]}}})
    every = points(config)
    assert points(config, 3) == (every[3],)
    parts = [points(config, (k, 2)) for k in range(2)]
    assert sorted(p.name for part in parts for p in part) == sorted(p.name for p in every)
    for wrong in (-1, 5, (2, 2)):
        with pytest.raises(InputError, match=r"give 0 to \d"):
            points(config, wrong)
    with pytest.raises(InputError, match="m is 1 or more"):
        points(config, (0, 0))
