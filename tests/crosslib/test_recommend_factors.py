"""Half steps against dense least squares, objectives and predictions against scikit-surprise's own parameters."""

import numpy as np
import pytest

from bizai.recommend import MatrixFactorization, Ratings, SVDPlusPlus, objective, ridge_step

surprise = pytest.importorskip("surprise")


def table(seed=0, m=120, n=80, share=0.25):
    """Whole stars with planted tastes, which show also in what is rated."""
    rng = np.random.default_rng(seed)
    P, Q = rng.normal(size=(m, 2)), rng.normal(size=(n, 2))
    chance = share * 2 / (1 + np.exp(-P @ Q.T))
    u, i = np.nonzero(rng.random((m, n)) < chance)
    stars = 3.2 + 0.5 * (P @ Q.T)[u, i] + 0.4 * rng.normal(size=m)[u] + 0.4 * rng.normal(size=n)[i]
    ratings = Ratings.of(u, i, np.clip(np.round(stars + 0.7 * rng.normal(size=len(u))), 1, 5))
    held_out = rng.permutation(len(ratings)) < len(ratings) // 5
    users, items, values = (column[held_out] for column in ratings.triples)
    return ratings.take(~held_out), users, items, values


def trained(model, ratings):
    """A surprise model, and its parameters in the order of our labels (zero where it knows none)."""
    rows = [(u, i, r, None) for u, i, r in zip(*(column.tolist() for column in ratings.triples))]
    model.fit(surprise.Dataset(surprise.Reader(rating_scale=(1, 5))).construct_trainset(rows))
    places = []
    inner_ids = model.trainset.to_inner_uid, model.trainset.to_inner_iid
    for labels, inner in zip((ratings.users, ratings.items), inner_ids):
        known = np.isin(labels, [row[len(places)] for row in rows])
        places.append((known, [inner(label) for label in labels[known]]))

    def ours(values, side):
        known, place = places[side]
        table = np.zeros((len(known), *values.shape[1:]))
        table[known] = values[place]
        return table

    parts = [ours(model.bu, 0), ours(model.bi, 1), ours(model.pu, 0), ours(model.qi, 1)]
    return parts + [ours(model.yj, 1)] if hasattr(model, "yj") else parts


def predictions(model, users, items):
    return np.array([model.predict(u, i, clip=False).est for u, i in zip(users.tolist(), items.tolist())])


def as_ours(model, parts, ratings):
    """Our model with other parameters."""
    model.fit(ratings)
    model.user_bias_, model.item_bias_, model.user_factors_, model.item_factors_ = parts[:4]
    model._user_vectors = parts[2]
    if len(parts) == 5:
        model.implicit_factors_ = parts[4]
        rated = ratings.matrix.toarray() > 0
        model._user_vectors = parts[2] + rated @ parts[4] / np.sqrt(np.maximum(rated.sum(axis=1), 1))[:, None]
    return model


@pytest.mark.parametrize("theirs, ours", [
    (surprise.SVD(n_factors=4, random_state=0), MatrixFactorization(4, n_iter=1)),
    (surprise.SVDpp(n_factors=4, random_state=0), SVDPlusPlus(4, n_iter=1))])
def test_the_same_parameters_predict_the_same(theirs, ours):
    ratings, users, items, _ = table()
    model = as_ours(ours, trained(theirs, ratings), ratings)
    assert np.abs(model.predict(users, items) - predictions(theirs, users, items)).max() < 1e-12


def test_objective_of_surprise_svdpp():
    """The penalties that its steps descend: of each parameter in a rating's prediction, once for that rating."""
    ratings, *_ = table(m=20, n=15)
    theirs = surprise.SVDpp(n_factors=3, random_state=0, n_epochs=5)
    b_u, b_i, P, Q, Y = parts = trained(theirs, ratings)
    expected = 0.0
    rated = ratings.matrix.toarray() > 0
    for u, i, r in zip(ratings.rows, ratings.matrix.indices, ratings.matrix.data):
        K_u = np.flatnonzero(rated[u])
        x = P[u] + Y[K_u].sum(axis=0) / len(K_u)**0.5
        error = r - ratings.matrix.data.mean() - b_u[u] - b_i[i] - Q[i] @ x
        expected += error**2 + 0.02 * (b_u[u]**2 + b_i[i]**2 + P[u] @ P[u] + Q[i] @ Q[i] + np.sum(Y[K_u]**2))
    assert objective(ratings, *parts, l2=0.02) == pytest.approx(expected, rel=1e-12)


def test_svdpp_is_below_the_objective_of_surprise_and_predicts_better():
    ratings, users, items, values = table(m=250, n=150, share=0.2)
    theirs = surprise.SVDpp(random_state=0)
    reached = objective(ratings, *trained(theirs, ratings), l2=0.02)
    same = SVDPlusPlus(20, l2=0.02, l2_implicit=None, random_state=0).fit(ratings)
    assert same.objective_path_[-1] < reached
    errors, default = predictions(theirs, users, items) - values, SVDPlusPlus(random_state=0).fit(ratings)
    assert np.sqrt(np.mean((default.predict(users, items) - values)**2)) < np.sqrt(np.mean(errors**2))


def test_als_is_below_the_objective_of_surprise_svd():
    ratings, *_ = table()
    theirs = surprise.SVD(n_factors=10, random_state=0, n_epochs=200)
    reached = objective(ratings, *trained(theirs, ratings), l2=0.02)
    assert MatrixFactorization(10, l2=0.02, random_state=0).fit(ratings).objective_path_[-1] < reached


def test_half_step_is_dense_least_squares():
    ratings, *_ = table(m=25, n=18)
    matrix, rng = ratings.matrix, np.random.default_rng(1)
    Z, offset, prior = rng.normal(size=(18, 4)), rng.normal(size=18), rng.normal(size=(25, 4))
    penalty = rng.uniform(0.1, 2, (25, 4))
    W, minimum = ridge_step(matrix, Z, offset, penalty, prior)
    total = 0.0
    for u in range(25):
        K_u = slice(*matrix.indptr[u:u + 2])
        items, targets = matrix.indices[K_u], matrix.data[K_u]
        A = np.vstack([Z[items], np.diag(np.sqrt(penalty[u]))])
        b = np.append(targets - offset[items], np.sqrt(penalty[u]) * prior[u])
        w = np.linalg.lstsq(A, b)[0]
        assert W[u] == pytest.approx(w, abs=1e-11)
        total += np.sum((A @ w - b)**2)
    assert minimum == pytest.approx(total, rel=1e-12)


def test_first_iteration_with_one_factor_by_scipy():
    """Users given the items, then items given the users: two sparse least-squares problems over all parameters."""
    from scipy.sparse import coo_array, eye_array, vstack
    from scipy.sparse.linalg import lsqr

    ratings, *_ = table(m=25, n=18)
    m, n = ratings.matrix.shape
    u, i, f = ratings.rows, ratings.matrix.indices, np.arange(len(ratings))
    assert len(np.unique(u)) == m and len(np.unique(i)) == n
    random = np.random.RandomState(3)
    random.standard_normal((m, 1))
    q = 0.1 * random.standard_normal((n, 1))[:, 0]
    t = ratings.matrix.data - ratings.matrix.data.mean()

    def solve(rows, size, factor, target):
        A = coo_array((np.append(np.ones(len(f)), factor), (np.tile(f, 2), np.append(rows, size + rows))),
                      shape=(len(f), 2 * size))
        ridge = np.sqrt(0.5) * eye_array(2 * size)
        return lsqr(vstack([A, ridge]).tocsr(), np.append(target, np.zeros(2 * size)), atol=1e-15, btol=1e-15)[0]

    b_u, p = np.split(solve(u, m, q[i], t), 2)
    b_i, q = np.split(solve(i, n, p[u], t - b_u[u]), 2)
    model = MatrixFactorization(1, l2=0.5, weighted=False, n_iter=1, random_state=3).fit(ratings)
    for ours, theirs in [(model.user_bias_, b_u), (model.user_factors_[:, 0], p), (model.item_bias_, b_i),
                         (model.item_factors_[:, 0], q)]:
        assert ours == pytest.approx(theirs, abs=1e-10)
