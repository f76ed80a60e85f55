"""Matrix factorisation and SVD++: objective, gradient, half steps, strata."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone

from bizai.recommend import MatrixFactorization, Ratings, SVDPlusPlus, gradient, objective, ridge_step
from bizai.recommend.factors import _sgd, _strata


def table(seed=0, m=40, n=30, share=0.3):
    rng = np.random.default_rng(seed)
    u, i = np.nonzero(rng.random((m, n)) < share)
    taste = rng.normal(size=(m, 2)) @ rng.normal(size=(2, n))
    values = 3 + taste[u, i] + 0.5 * rng.normal(size=len(u))
    return Ratings.of(u, i, values, all_users=range(m), all_items=range(n))


def parameters(ratings, k=3, seed=1, implicit=True):
    rng, (m, n) = np.random.default_rng(seed), ratings.matrix.shape
    shapes = [(m,), (n,), (m, k), (n, k)] + [(n, k)] * implicit
    return [rng.normal(size=shape) for shape in shapes]


def fitted(model):
    parts = [model.user_bias_, model.item_bias_, model.user_factors_, model.item_factors_]
    return parts + [model.implicit_factors_] if hasattr(model, "implicit_factors_") else parts


def penalties(model):
    own = {"l2_implicit": model.l2_implicit} if hasattr(model, "l2_implicit") else {}
    return {"l2": model.l2, "l2_bias": model.l2_bias, "weighted": model.weighted, **own}


RATINGS = table()


def test_objective_by_hand():
    ratings = Ratings.of(["a", "a", "b"], ["x", "y", "x"], [1, 2, 6])            # mu = 3
    b_u, b_i, P, Q, Y = [1.0, 2], [0.5, -1], [[1.0], [2]], [[3.0], [1]], [[0.5], [1]]
    b_u, b_i, P, Q, Y = map(np.array, (b_u, b_i, P, Q, Y))
    errors = np.array([1 - 7.5, 2 - 4, 6 - 11.5])
    J = errors @ errors
    assert objective(ratings, b_u, b_i, P, Q, l2=0) == pytest.approx(J)
    assert objective(ratings, b_u, b_i, P, Q, l2=2, l2_bias=1, weighted=False) == pytest.approx(
        J + 2 * (1 + 4 + 9 + 1) + 1 + 4 + 0.25 + 1)
    assert objective(ratings, b_u, b_i, P, Q, l2=2, l2_bias=1) == pytest.approx(
        J + 2 * (2 * 1 + 4 + 2 * 9 + 1) + 2 * 1 + 4 + 2 * 0.25 + 1)
    s_a, s_b = 1.5 / np.sqrt(2), 0.5
    errors -= [3 * s_a, s_a, 3 * s_b]
    assert objective(ratings, b_u, b_i, P, Q, Y, l2=0) == pytest.approx(errors @ errors)
    assert objective(ratings, b_u, b_i, P, Q, Y, l2=0, l2_implicit=2) == pytest.approx(
        errors @ errors + 2 * ((2 + 1) * 0.25 + 2 * 1))                   # x: a's two ratings and b's one; y: a's


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("implicit", [True, False])
def test_gradient_is_that_of_finite_differences(weighted, implicit):
    ratings = table(m=7, n=6)
    theta = parameters(ratings, 2, implicit=implicit)
    options = {"l2": 0.3, "l2_bias": 0.7, "l2_implicit": 0.2, "weighted": weighted}
    found, h = gradient(ratings, *theta, **options), 1e-6
    assert len(found) == len(theta)
    for part, derivative in zip(theta, found):
        assert derivative.shape == part.shape
        for at in np.ndindex(part.shape):
            kept = part[at]
            part[at] = kept + h
            up = objective(ratings, *theta, **options)
            part[at] = kept - h
            down = objective(ratings, *theta, **options)
            part[at] = kept
            assert derivative[at] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)


def test_ridge_step_by_hand():
    matrix = csr_array((np.array([1.0, 3, 5]), np.array([0, 1, 1]), np.array([0, 2, 3, 3])), shape=(3, 2))
    W, minimum = ridge_step(matrix, np.array([[1.0], [2]]), np.array([0.0, 1]), np.full((3, 1), 1.0),
                            prior=np.array([[0.0], [0], [7]]))
    assert W[:, 0] == pytest.approx([(1 + 2 * 2) / (1 + 4 + 1), 4 * 2 / (4 + 1), 7])      # targets 1, 2 and 4
    w = W[:2, 0]
    assert minimum == pytest.approx((1 - w[0])**2 + (2 - 2 * w[0])**2 + w[0]**2 + (4 - 2 * w[1])**2 + w[1]**2)


def test_ridge_step_takes_any_sparse_array():
    rng = np.random.default_rng(0)
    matrix = csr_array(rng.normal(size=(5, 5)) * (rng.random((5, 5)) < 0.5))
    arguments = rng.normal(size=(5, 2)), rng.normal(size=5), np.ones((5, 2))
    expected, minimum = ridge_step(matrix.T.tocsr(), *arguments)
    W, same = ridge_step(matrix.T, *arguments)
    assert np.array_equal(W, expected) and same == minimum


def test_sizes_of_parameters_and_a_singular_system():
    parts = parameters(RATINGS)
    for function in (objective, gradient):
        with pytest.raises(ValueError, match=r"item_factors must be of shape \(30, 3\), got \(30, 1\)"):
            function(RATINGS, *parts[:3], parts[3][:, :1], l2=1)
        with pytest.raises(ValueError, match=r"implicit_factors must be of shape \(30, 3\), got \(29, 3\)"):
            function(RATINGS, *parts[:4], parts[4][1:], l2=1)
    for model in (MatrixFactorization(5, l2=1e-300, random_state=0), SVDPlusPlus(5, l2=1e-300, random_state=0)):
        with pytest.raises(ValueError, match=r"penalty \(l2\) must be larger"):
            model.fit((["a", "a", "b"], ["x", "y", "x"], [1, 2, 6]))


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("model", [
    MatrixFactorization(4, l2=0.2, l2_bias=0.3), SVDPlusPlus(4, l2=0.2, l2_bias=0.3, l2_implicit=0.05)])
def test_fit_lowers_the_objective_it_says(model, weighted):
    model = clone(model).set_params(weighted=weighted, tol=0, n_iter=8, random_state=0).fit(RATINGS)
    path = model.objective_path_
    assert len(path) == model.n_iter_ == 8 and (np.diff(path) < 0).all()
    assert path[-1] == pytest.approx(objective(RATINGS, *fitted(model), **penalties(model)), rel=1e-12)
    slopes = gradient(RATINGS, *fitted(model), **penalties(model))
    assert max(np.abs(slopes[1]).max(), np.abs(slopes[3]).max()) < 1e-11        # the items were the last half step


@pytest.mark.parametrize("model", [MatrixFactorization(3, l2=0.2), SVDPlusPlus(3, l2=0.2)])
def test_many_iterations_end_where_the_gradient_is_zero(model):
    model = clone(model).set_params(tol=0, n_iter=3000, random_state=0).fit(table(m=20, n=15))
    slopes = gradient(model.ratings_, *fitted(model), **penalties(model))
    assert max(np.abs(slope).max() for slope in slopes) < 1e-6


def test_tol_stops_early():
    model = MatrixFactorization(3, l2=0.2, tol=1e-3, n_iter=500, random_state=0).fit(RATINGS)
    path = model.objective_path_
    assert model.n_iter_ < 500 and path[-2] - path[-1] <= 1e-3 * path[-2] < path[-3] - path[-2]


@pytest.mark.parametrize("scale", [1e-6, 1e4, 1e6])
@pytest.mark.parametrize("model", [
    MatrixFactorization(3, l2=0.1, l2_bias=0.2), SVDPlusPlus(3, l2=0.1, l2_bias=0.2)])
def test_the_unit_of_the_ratings_does_not_matter(model, scale):
    users, items, values = RATINGS.triples
    expected = clone(model).set_params(random_state=0).fit(RATINGS)
    moved = clone(expected).set_params(l2=scale * model.l2)
    if isinstance(model, SVDPlusPlus):
        moved.set_params(l2_implicit=scale * model.l2_implicit)
    moved.fit((users, items, scale * values))
    assert moved.n_iter_ == expected.n_iter_
    assert moved.predict(users, items) / scale == pytest.approx(expected.predict(users, items), abs=1e-9)


def test_planted_factors_are_found():
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(150, 2)), rng.normal(size=(100, 2))
    full = 3 + P @ Q.T + rng.normal(size=(150, 1)) + rng.normal(size=100)
    u, i = np.nonzero(rng.random(full.shape) < 0.3)
    hidden = np.ones(full.shape, dtype=bool)
    hidden[u, i] = False
    u_hidden, i_hidden = np.nonzero(hidden)
    for model in (MatrixFactorization(2, l2=1e-5, n_iter=100, random_state=0), SVDPlusPlus(
            2, l2=1e-5, l2_implicit=1e-3, n_iter=200, random_state=0)):
        errors = model.fit((u, i, full[u, i])).predict(u_hidden, i_hidden) - full[hidden]
        assert np.sqrt(np.mean(errors**2)) < 0.01 * full.std()


def test_sgd_is_one_rating_after_the_other():
    ratings = table(m=12, n=9)
    matrix, eta, l2 = ratings.matrix, 0.03, np.array([0.2, 0.1, 0.1])
    matrix.data -= matrix.data.mean()
    u, i = ratings.rows, matrix.indices
    P, Q = np.random.default_rng(0).normal(size=(12, 2)), np.random.default_rng(1).normal(size=(9, 2))
    c_u, c_i = np.bincount(u, minlength=12), np.bincount(i, minlength=9)
    for weighted in (True, False):
        weights = [c[:, None] if weighted else np.ones((len(c), 1)) for c in (c_u, c_i)]
        users, items, path = _sgd(matrix, P, Q, weights[0] * l2, weights[1] * l2, eta, 2, np.random.RandomState(5))
        b_u, b_i, p, q = np.zeros(12), np.zeros(9), P.copy(), Q.copy()
        random = np.random.RandomState(5)
        for _ in range(2):
            for f in np.concatenate(_strata(u, i, 12, random)):
                a, b = u[f], i[f]
                e = matrix.data[f] - b_u[a] - b_i[b] - p[a] @ q[b]
                of_u, of_i = (1, 1) if weighted else (1 / c_u[a], 1 / c_i[b])
                step_p, step_q = e * q[b] - of_u * 0.1 * p[a], e * p[a] - of_i * 0.1 * q[b]
                p[a], q[b] = p[a] + eta * step_p, q[b] + eta * step_q
                b_u[a] += eta * (e - of_u * 0.2 * b_u[a])
                b_i[b] += eta * (e - of_i * 0.2 * b_i[b])
        assert users == pytest.approx(np.column_stack([b_u, p]), abs=1e-14)
        assert items == pytest.approx(np.column_stack([b_i, q]), abs=1e-14)
        J = objective(ratings, b_u, b_i, p, q, l2=0.1, l2_bias=0.2, weighted=weighted)
        assert path[-1] == pytest.approx(J)


def test_strata_share_neither_user_nor_item():
    u, i = RATINGS.rows, RATINGS.matrix.indices
    strata = _strata(u, i, 40, np.random.RandomState(0))
    assert sorted(np.concatenate(strata)) == list(range(len(RATINGS)))
    for f in strata:
        assert len(np.unique(u[f])) == len(np.unique(i[f])) == len(f)


def test_sgd_learns_and_reports_its_objective():
    model = MatrixFactorization(3, "sgd", l2=0.02, n_iter=200, learning_rate=0.02, random_state=0).fit(RATINGS)
    assert model.objective_path_[-1] < 0.2 * model.objective_path_[0] and model.n_iter_ == 200
    assert model.objective_path_[-1] == pytest.approx(objective(RATINGS, *fitted(model), **penalties(model)))
    exact = MatrixFactorization(3, l2=0.02, n_iter=500, tol=0, random_state=0).fit(RATINGS)
    assert model.objective_path_[-1] < 1.1 * exact.objective_path_[-1]


def test_a_step_too_large_is_named():
    with pytest.raises(ValueError, match="learning_rate must be smaller for these ratings"):
        MatrixFactorization(3, "sgd", n_iter=50, learning_rate=5.0).fit(RATINGS)


@pytest.mark.parametrize("model", [
    MatrixFactorization(3), MatrixFactorization(3, "sgd", n_iter=3), SVDPlusPlus(3)])
def test_unknown_and_unrated(model):
    ratings = Ratings.of(*RATINGS.triples, all_users=[-5, 99], all_items=[-5, 15.5, 99])
    model = clone(model).set_params(random_state=0).fit(ratings)
    known, plain = model.predict([0, 1], [2, 3]), clone(model).set_params(random_state=0).fit(RATINGS)
    assert known.tolist() == plain.predict([0, 1], [2, 3]).tolist()
    for user in (-5, 99, 1000, "x"):
        assert model.predict(user, 2) == pytest.approx(model.mean_ + plain.item_bias_[2], abs=1e-14)
    assert model.predict(1, [-5, 15.5, 1000]) == pytest.approx(model.mean_ + plain.user_bias_[1], abs=1e-14)
    assert model.predict(1000, 1000) == pytest.approx(model.mean_)
    assert not model.item_factors_[[0, -1]].any() and not model.user_bias_[[0, -1]].any()
    lists = model.recommend_all(3)
    one = model.recommend(7, 3)
    assert lists.items[lists.users == 7].tolist() == one.items.tolist()
    assert one.scores == pytest.approx(model.predict(7, one.items))


def test_the_same_state_gives_the_same_model():
    for solver in ("als", "sgd"):
        first, second, other = (MatrixFactorization(3, solver, n_iter=3, random_state=seed).fit(RATINGS)
                                for seed in (1, 1, 2))
        assert (first.item_factors_ == second.item_factors_).all()
        assert (first.item_factors_ != other.item_factors_).any()


@pytest.mark.parametrize("model, words", [
    (MatrixFactorization(0), "n_factors must be an integer >= 1, got 0"),
    (MatrixFactorization(solver="svd"), "solver must be one of als, sgd, got 'svd'"),
    (MatrixFactorization(l2=0), "l2 must be a finite number > 0, got 0"),
    (MatrixFactorization(l2=-1, solver="sgd"), "l2 must be a finite number >= 0, got -1"),
    (MatrixFactorization(l2_bias=-1), "l2_bias must be a finite number >= 0"),
    (MatrixFactorization(n_iter=0), "n_iter must be an integer >= 1"), (SVDPlusPlus(tol=-1), "tol must be"),
    (MatrixFactorization(solver="sgd", learning_rate=0), "learning_rate must be a finite number > 0"),
    (SVDPlusPlus(l2=0), "l2 must be a finite number > 0"), (SVDPlusPlus(l2_implicit=-1), "l2_implicit must be"),
    (SVDPlusPlus(n_factors=2.5), "n_factors must be an integer >= 1"),
])
def test_bad_arguments(model, words):
    with pytest.raises(ValueError, match=words):
        model.fit(RATINGS)
