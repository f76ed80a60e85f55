"""Splits and lists of any ratings, against plain loops."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bizai.recommend import Biases, Popular, Ratings, folds, ranking, split


@st.composite
def ratings(draw, least=2):
    m, n = draw(st.integers(2, 8)), draw(st.integers(2, 8))
    cells = draw(st.lists(st.integers(0, m * n - 1), min_size=least, max_size=m * n, unique=True))
    values = draw(st.lists(st.integers(1, 5), min_size=len(cells), max_size=len(cells)))
    u, i = np.divmod(np.array(cells), n)
    return Ratings.of(u, i, values, all_users=range(m), all_items=range(n))


@given(ratings(), st.floats(0.05, 0.95), st.integers(0, 99))
def test_split_keeps_a_rating_of_everybody(table, test, seed):
    sizes = np.diff(table.matrix.indptr)
    expected = np.minimum(np.floor(test * sizes + 0.5), np.maximum(sizes - 1, 0))
    assume(expected.sum() > 0)
    train, held = split(table, test, random_state=seed)
    assert np.array_equal(np.diff(held.matrix.indptr), expected)
    assert len(train) + len(held) == len(table)
    assert np.array_equal((train.matrix + held.matrix).toarray(), table.matrix.toarray())


@given(ratings(3), st.integers(2, 3), st.integers(0, 99))
def test_folds_partition(table, n, seed):
    parts = list(folds(table, n, random_state=seed))
    assert np.array_equal(sum(test.matrix for _, test in parts).toarray(), table.matrix.toarray())
    assert all(len(train) + len(test) == len(table) for train, test in parts)


@given(ratings(4), st.integers(1, 9), st.integers(0, 99), st.sampled_from([Popular(), Biases()]))
def test_ranking_against_loops(table, n, seed, model):
    train, test = split(table, 0.5, per_user=False, random_state=seed)
    assume((test.matrix.data >= 3).any())
    quality = ranking(model, train, test, n, relevant=3)
    model = model.fit(train)
    listed, places = set(), {user: k for k, user in enumerate(quality.users)}
    for user in table.users:
        relevant = {i for u, i, r in zip(*test.triples) if u == user and r >= 3}
        assert (user in places) == bool(relevant)
        if not relevant:
            continue
        rated = {i for u, i, _ in zip(*train.triples) if u == user}
        scores = model.predict(user, table.items)
        allowed = [i for i in table.items if i in set(train.triples[1]) - rated]
        best = sorted(allowed, key=lambda i: (-scores[i], i))[:n]
        listed |= set(best)
        hits = [i in relevant for i in best]
        k = places[user]
        assert quality.precisions[k] == pytest.approx(sum(hits) / n)
        assert quality.recalls[k] == pytest.approx(sum(hits) / len(relevant))
        gain = sum(1 / np.log2(j + 2) for j, hit in enumerate(hits) if hit)
        assert quality.ndcgs[k] == pytest.approx(gain / sum(1 / np.log2(j + 2) for j in range(min(n, len(relevant)))))
        assert quality.hits[k] == any(hits)
    assert quality.coverage == pytest.approx(len(listed) / len(table.items))
