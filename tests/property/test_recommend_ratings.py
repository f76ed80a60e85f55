"""What holds for tables of ratings and lists whatever the ratings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizai.recommend import Ratings
from bizai.recommend.ratings import _best, _positions

LABELS = st.integers(-5, 5) | st.integers(2**40, 2**40 + 3)
TEXTS = st.text(alphabet="abü中", max_size=2)


@st.composite
def columns(draw):
    labels = [draw(st.sampled_from([LABELS, TEXTS])) for _ in range(2)]
    rows = draw(st.lists(st.tuples(*labels, st.integers(-9, 9)), min_size=1, max_size=20))
    return [list(column) for column in zip(*rows)]


@given(columns(), st.sampled_from(["mean", "last", "sum"]))
def test_table_is_that_of_a_dictionary(data, rule):
    cells = {}
    for user, item, value in zip(*data):
        cells.setdefault((user, item), []).append(value)
    merged = {"mean": np.mean, "last": lambda values: values[-1], "sum": sum}[rule]
    ratings = Ratings.of(*data, duplicates=rule)
    users, items, values = (column.tolist() for column in ratings.triples)
    assert list(zip(users, items)) == sorted(cells)
    assert values == pytest.approx([merged(cells[pair]) for pair in zip(users, items)])
    again = Ratings.of(*ratings.triples, duplicates="refuse")
    assert np.array_equal(again.matrix.toarray(), ratings.matrix.toarray())


@given(columns(), st.lists(st.booleans(), min_size=20, max_size=20))
def test_two_parts_make_the_whole(data, chosen):
    ratings = Ratings.of(*data)
    keep = np.array(chosen[:len(ratings)])
    parts = ratings.take(keep), ratings.take(np.flatnonzero(~keep))
    assert [len(part) for part in parts] == [keep.sum(), (~keep).sum()]
    assert np.array_equal((parts[0].matrix + parts[1].matrix).toarray(), ratings.matrix.toarray())
    assert parts[0].triples[0].tolist() == ratings.triples[0][keep].tolist()


@given(st.lists(LABELS, min_size=1) | st.lists(TEXTS, min_size=1), st.lists(LABELS | TEXTS | st.none() | st.floats()))
def test_positions_are_those_of_a_list(known, wanted):
    labels = np.unique(known)
    place = labels.tolist()
    expected = [place.index(label) if label in place else -1 for label in wanted]
    assert _positions(labels, np.array(wanted, dtype=object)).tolist() == expected
    assert [int(_positions(labels, label)) for label in wanted] == expected


@given(st.lists(st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=5, max_size=5), min_size=1),
       st.integers(1, 7))
def test_best_is_the_head_of_a_stable_sort(scores, n):
    scores = np.array(scores)
    rows, columns, values = _best(scores, n)
    for row, line in enumerate(scores):
        order = [k for k in np.argsort(-line, kind="stable") if np.isfinite(line[k])][:n]
        assert columns[rows == row].tolist() == order and values[rows == row].tolist() == line[order].tolist()
    assert (np.diff(rows) >= 0).all()
