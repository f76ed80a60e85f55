"""The Gibbs sampler: every conditional, the joint distribution, and intervals that cover."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.stats import norm

from bizai.recommend import BayesianFactorization, MatrixFactorization, Ratings, bayes, ranking, rmse, split
from bizai.recommend.bayes import conditional, sample_population, sample_precision, sample_vectors, sums


def table(rng, m, n, share=0.5):
    rated = rng.random((m, n)) < share
    return rated.astype(float), np.where(rated, rng.normal(size=(m, n)), 0.0)


def planted(seed=0, m=150, n=80, k=3, noise=0.5, share=0.3, unit=1.0, shift=0.0):
    """Ratings from the model itself, and the truth of every pair."""
    rng = np.random.default_rng(seed)
    P, Q = rng.normal(size=(m, k)), rng.normal(0, 0.5, (n, k))
    truth = rng.normal(0, 0.5, (m, 1)) + rng.normal(0, 0.5, n) + P @ Q.T
    u, i = np.nonzero(rng.random((m, n)) < share)
    return Ratings.of(u, i, shift + unit * (truth[u, i] + noise * rng.normal(size=len(u))))


# ----------------------------------------------------------------------------------------------------------
# Conditionals
# ----------------------------------------------------------------------------------------------------------

def test_conditional_against_dense_regressions():
    rng = np.random.default_rng(0)
    rated, values = table(rng, 6, 5)
    rated[0] = values[0] = 0                                                # somebody without ratings
    Z, means, A = rng.normal(size=(5, 3)), rng.normal(size=(6, 3)), rng.normal(size=(3, 3))
    precision, alpha = A @ A.T + np.eye(3), 1.7
    S, h = conditional(*sums(csr_array(rated), csr_array(values), Z), means, precision, alpha)
    for u in range(6):
        items = np.flatnonzero(rated[u])
        Y, target = np.c_[Z[items, :2], np.ones(len(items))], values[u, items] - Z[items, 2]
        np.testing.assert_allclose(S[:, :, u], precision + alpha * Y.T @ Y, rtol=1e-12)
        np.testing.assert_allclose(h[:, u], precision @ means[u] + alpha * Y.T @ target, rtol=1e-10, atol=1e-12)


def test_conditional_is_proportional_to_the_joint_density():
    rng = np.random.default_rng(1)
    rated, values = table(rng, 1, 6)
    Z, mean, precision, alpha = rng.normal(size=(6, 3)), rng.normal(size=3), np.diag([1.0, 2, 3]), 0.8
    S, h = conditional(*sums(csr_array(rated), csr_array(values), Z), mean[None], precision, alpha)

    def log_joint(x):
        errors = (values[0] - Z[:, :2] @ x[:2] - x[2] - Z[:, 2])[rated[0] == 1]
        return -alpha / 2 * errors @ errors - (x - mean) @ precision @ (x - mean) / 2

    def log_conditional(x):
        return -x @ S[:, :, 0] @ x / 2 + h[:, 0] @ x

    a, b = rng.normal(size=(2, 3))
    assert log_joint(a) - log_joint(b) == pytest.approx(log_conditional(a) - log_conditional(b), rel=1e-12)


def test_sampled_vectors_have_mean_and_covariance():
    rng = np.random.default_rng(0)
    A, draws = rng.normal(size=(4, 4)), 40_000
    S, h = A @ A.T + np.eye(4), rng.normal(size=4)
    X = sample_vectors(np.tile(S[:, :, None], draws), np.tile(h[:, None], draws), rng)
    covariance = np.linalg.inv(S)
    assert (np.abs(X.mean(axis=0) - covariance @ h) < 4 * np.sqrt(np.diag(covariance) / draws)).all()
    error = np.sqrt((np.outer(np.diag(covariance), np.diag(covariance)) + covariance**2) / draws)
    assert (np.abs(np.cov(X.T) - covariance) < 4 * error).all()


def test_vectors_of_all_users_at_once_are_those_of_each():
    rng = np.random.default_rng(0)
    A, h = rng.normal(size=(7, 3, 3)), rng.normal(size=(3, 7))
    S = np.einsum("mij,mkj->ikm", A, A) + np.eye(3)[:, :, None]

    class Zero:
        standard_normal = staticmethod(np.zeros)

    expected = [np.linalg.solve(S[:, :, j], h[:, j]) for j in range(7)]
    np.testing.assert_allclose(sample_vectors(S, h, Zero), expected, rtol=1e-10)
    L = bayes._cholesky(S)
    for j in range(7):
        np.testing.assert_allclose(L[:, :, j], np.linalg.cholesky(S[:, :, j]), rtol=1e-12, atol=1e-14)


def test_population_is_the_normal_wishart_posterior():
    """Salakhutdinov and Mnih's formulas for nu_0 = d, W_0 = I, mu_0 = 0, beta_0 = 2."""
    rng = np.random.default_rng(0)
    X, draws = rng.normal(1, 0.5, (30, 2)), 6000
    m, mean = len(X), X.mean(axis=0)
    W = np.linalg.inv(np.eye(2) + (X - mean).T @ (X - mean) + 2 * m / (2 + m) * np.outer(mean, mean))
    B, precision = map(np.array, zip(*(sample_population(X, np.ones((m, 1)), 1.0, rng) for _ in range(draws))))
    expected = (2 + m) * W
    error = np.sqrt((2 + m) * (W**2 + np.outer(np.diag(W), np.diag(W))) / draws)
    assert (np.abs(precision.mean(axis=0) - expected) < 4 * error).all()
    centred = B[:, 0] - m * mean / (2 + m)
    whitened = np.einsum("sde,sd->se", np.linalg.cholesky(precision), centred) * np.sqrt(2 + m)
    assert (np.abs(whitened.mean(axis=0)) < 4 / np.sqrt(draws)).all()
    assert np.abs(np.cov(whitened.T) - np.eye(2)).max() < 5 / np.sqrt(draws)


def test_links_are_those_of_a_bayesian_regression():
    rng = np.random.default_rng(0)
    F = np.c_[np.ones(50), rng.normal(size=(50, 2))]
    X = F @ rng.normal(size=(3, 2)) + 0.3 * rng.normal(size=(50, 2))
    K = F.T @ F + np.diag([2, 5, 5])
    B, precision = map(np.array, zip(*(sample_population(X, F, 5.0, rng) for _ in range(6000))))
    whitened = np.einsum("fg,sfd,sde->sge", np.linalg.cholesky(K), B - np.linalg.solve(K, F.T @ X),
                         np.linalg.cholesky(precision)).reshape(6000, -1)
    assert (np.abs(whitened.mean(axis=0)) < 4 / np.sqrt(6000)).all()
    assert np.abs(np.cov(whitened.T) - np.eye(6)).max() < 5 / np.sqrt(6000)


def test_precision_of_the_noise():
    rng = np.random.default_rng(0)
    draws = np.array([sample_precision(30.0, 40, rng) for _ in range(20_000)])
    shape, rate = 21, 16
    assert draws.mean() == pytest.approx(shape / rate, abs=4 * np.sqrt(shape / 20_000) / rate)
    assert draws.var() == pytest.approx(shape / rate**2, rel=0.05)


# ----------------------------------------------------------------------------------------------------------
# The joint distribution
# ----------------------------------------------------------------------------------------------------------

M, N, D = 4, 3, 2
FEATURES = np.c_[np.ones(M), [-1.0, 0, 0, 1]], np.c_[np.ones(N), [1.0, -1, 0]]
RATED = np.array([[1.0, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 1]])


def prior(rng):
    """Everything drawn from the prior."""
    sides = []
    for F in FEATURES:
        link, A = rng.gamma(1) / 0.01, rng.normal(size=(D, D))
        precision = A @ A.T                                                 # Wishart(d, I)
        B = np.linalg.solve(np.linalg.cholesky(precision).T, rng.normal(size=(D, 2))).T / np.sqrt([[2.0], [link]])
        X = F @ B + np.linalg.solve(np.linalg.cholesky(precision).T, rng.normal(size=(D, len(F)))).T
        sides.append((link, precision, B, X))
    return sides, rng.gamma(1)


def data(X, Z, alpha, rng):
    signal = X[:, -1:] + Z[:, -1] + X[:, :-1] @ Z[:, :-1].T
    return RATED * (signal + rng.normal(size=(M, N)) / np.sqrt(alpha))


def summary(sides, alpha, values):
    """Bounded functions of everything, as the prior has heavy tails."""
    out = [np.log(alpha)]
    for link, precision, B, X in sides:
        out += [np.log(link), np.log(np.linalg.det(precision))]
        out += [*np.arctan(B).ravel(), *np.arctan(X[0]), *np.arctan(X[1])**2]
    X, Z = sides[0][-1], sides[1][-1]
    errors = values[RATED == 1] - (X[:, -1:] + Z[:, -1] + X[:, :-1] @ Z[:, :-1].T)[RATED == 1]
    return [*out, np.arctan(errors @ errors), np.log(alpha) * np.arctan(errors @ errors)]


def joint_scores(replicates, sweeps=2, mistake=1.0):
    """z-scores of summaries after sweeps that must leave the joint distribution of parameters and data unchanged."""
    rng, differences = np.random.default_rng(0), []
    for _ in range(replicates):
        sides, alpha = prior(rng)
        values = data(sides[0][-1], sides[1][-1], alpha, rng)
        before = summary(sides, alpha, values)
        both = [bayes._Side(csr_array(R), csr_array(V), F, X) for R, V, F, (_, _, _, X) in
                zip((RATED, RATED.T), (values, values.T), FEATURES, sides)]
        for side, (link, precision, B, _) in zip(both, sides):
            side.link, side.precision, side.B, side.squares = link, precision, B, np.sum(values**2)
        for _ in range(sweeps):
            both[0].sample(both[1], alpha, rng)
            alpha = mistake * sample_precision(both[1].sample(both[0], alpha, rng), RATED.sum(), rng)
        differences.append(np.subtract(summary([(s.link, s.precision, s.B, s.X) for s in both], alpha, values), before))
    differences = np.array(differences)
    return np.abs(differences.mean(axis=0)) / differences.std(axis=0) * np.sqrt(replicates)


def test_sweeps_leave_the_joint_distribution_unchanged():
    """Geweke's idea: parameters from the prior and data given them, then sweeps given the data."""
    assert joint_scores(2500).max() < 4


def test_the_joint_test_notices_a_small_mistake():
    assert joint_scores(1000, mistake=1.15).max() > 5


def test_squared_errors_left():
    rng = np.random.default_rng(0)
    rated, values = table(rng, 8, 7)
    users, items = (bayes._Side(csr_array(R), csr_array(V), np.ones((len(R), 1)), rng.normal(size=(len(R), 3)))
                    for R, V in ((rated, values), (rated.T, values.T)))
    users.squares = items.squares = np.sum(values**2)
    left = items.sample(users, 1.0, rng)
    X, Z = users.X, items.X
    errors = (values - X[:, -1:] - Z[:, -1] - X[:, :-1] @ Z[:, :-1].T)[rated == 1]
    assert left == pytest.approx(errors @ errors, rel=1e-10)


# ----------------------------------------------------------------------------------------------------------
# The recommender
# ----------------------------------------------------------------------------------------------------------

def test_intervals_cover_at_their_level():
    inside, sds = {0.5: [], 0.8: [], 0.95: []}, []
    for seed in range(3):
        train, test = split(planted(seed), 0.3, random_state=seed)
        users, items, values = test.triples
        model = BayesianFactorization(4, random_state=seed).fit(train)
        for level in inside:
            low, high = model.predict_interval(users, items, level)
            inside[level] += list((low <= values) & (values <= high))
        sds += list((values - model.predict(users, items)) / model.predict_std(users, items))
        assert model.noise_ == pytest.approx(0.5, abs=0.05)
    for level, hits in inside.items():
        assert np.mean(hits) == pytest.approx(level, abs=0.02)
    assert np.std(sds) == pytest.approx(1, abs=0.04)


def test_better_than_alternating_least_squares():
    train, test = split(planted(noise=1.0), 0.3, random_state=0)
    users, items, values = test.triples
    bayesian, als = (model.fit(train).predict(users, items) for model in
                     (BayesianFactorization(5, random_state=0), MatrixFactorization(5, random_state=0)))
    assert rmse(values, bayesian) < rmse(values, als)


def test_what_was_rated_helps_where_it_has_to_do_with_taste():
    rng = np.random.default_rng(0)
    P, Q = rng.normal(size=(200, 2)), rng.normal(size=(100, 2))
    taste = P @ Q.T
    u, i = np.nonzero(taste + rng.normal(size=taste.shape) > 2)
    ratings = Ratings.of(u, i, taste[u, i] + 2 * rng.normal(size=len(u)))
    train, test = split(ratings, 0.3, random_state=0)
    users, items, values = test.triples
    errors = [rmse(values, BayesianFactorization(4, implicit=f, random_state=0).fit(train).predict(users, items))
              for f in (0, 10)]
    assert errors[1] < errors[0]


def test_scale_and_origin_of_the_ratings_do_not_matter():
    a = BayesianFactorization(3, burn_in=5, samples=10, random_state=0).fit(planted())
    b = BayesianFactorization(3, burn_in=5, samples=10, random_state=0).fit(planted(unit=20, shift=-50))
    pairs = [*range(40), -1, -1, 3], [*range(40), -1, 3, -1]                # the last three: newcomers
    np.testing.assert_allclose(b.predict(*pairs), 20 * a.predict(*pairs) - 50, rtol=1e-8)
    np.testing.assert_allclose(b.predict_std(*pairs), 20 * a.predict_std(*pairs), rtol=1e-8)
    np.testing.assert_allclose(b.predict_interval(*pairs), 20 * np.array(a.predict_interval(*pairs)) - 50, rtol=1e-8)


def test_an_item_without_ratings_changes_nothing():
    ratings = planted()
    more = Ratings.of(*ratings.triples, all_items=[-3, 5.5, 1000], all_users=[-1])
    a, b = (BayesianFactorization(3, burn_in=3, samples=5, random_state=0).fit(r) for r in (ratings, more))
    users, items, _ = ratings.triples
    np.testing.assert_array_equal(a.predict(users, items), b.predict(users, items))
    assert b.predict(-1, 1000) == a.predict("nobody", "nothing") == b.predict(7777, -3)
    assert not {-3, 5.5, 1000} & set(b.recommend(0, 100).items)


def test_unknown_users_and_items_are_surer_nowhere():
    train, test = split(planted(), 0.3, random_state=0)
    model = BayesianFactorization(4, random_state=0).fit(train)
    users, items, values = test.triples
    known = model.predict_std(users, items).mean()
    new_user, new_item = model.predict_std(-1, items).mean(), model.predict_std(users, -1).mean()
    assert known < min(new_user, new_item) and max(new_user, new_item) < model.predict_std(-1, -1)


def test_intervals_of_new_users_cover():
    ratings = planted(3, m=300)
    users, items, values = ratings.triples
    train, test = ratings.take(users < 200), ratings.take(users >= 200)
    model = BayesianFactorization(4, random_state=0).fit(train)
    users, items, values = test.triples
    low, high = model.predict_interval(users, items, 0.8)
    assert np.mean((low <= values) & (values <= high)) == pytest.approx(0.8, abs=0.04)   # 100 users


def test_interval_std_and_probability_are_those_of_the_mixture():
    model = BayesianFactorization(2, burn_in=3, samples=7, random_state=0).fit(planted())
    P, Q = model._P[3], model._Q[4]
    means, sd = model.mean_ + np.sum(P * Q, axis=1), np.sqrt(model._noise)
    assert model.predict(3, 4) == pytest.approx(means.mean())
    assert model.predict_std(3, 4) == pytest.approx(np.sqrt(means.var() + np.mean(sd**2)))
    assert model.predict_probability(3, 4, 0.5) == pytest.approx(norm.sf(0.5, means, sd).mean())
    low, high = model.predict_interval(3, 4, 0.9)
    for end, q in ((low, 0.05), (high, 0.95)):
        root = brentq(lambda x, q=q: norm.cdf(x, means, sd).mean() - q, -20, 20, xtol=1e-13)
        assert end == pytest.approx(root, rel=1e-9)


@pytest.mark.parametrize("q", [1e-6, 0.025, 0.5, 0.9, 1 - 1e-6])
def test_quantiles_of_wide_mixtures(q):
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(0, 5, (50, 9)), rng.lognormal(0, 2, (50, 9))
    x = bayes._quantile(means, deviations, q)
    np.testing.assert_allclose(norm.cdf((x[:, None] - means) / deviations).mean(axis=1), q, rtol=1e-6)


def clusters(seed=0, m=300, n=200):
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=(m, 3)) * [3, 2, 1.5] @ rng.normal(size=(3, n))
    rated = (taste + 2 * rng.normal(size=(m, n)) > 4).astype(float)
    return rated[rated.any(axis=1)][:, rated.any(axis=0)]


def test_features_are_those_of_correspondence_analysis():
    rated = clusters()
    r, c = rated.sum(axis=1), rated.sum(axis=0)
    left, s, right = np.linalg.svd(rated / np.sqrt(r)[:, None] / np.sqrt(c))
    assert s[0] == pytest.approx(1) and s[3] > 1.2 * s[4]                   # the first says nothing; a gap after three
    found = bayes._patterns(csr_array(rated), 3, np.random.default_rng(1))
    for F, counts, vectors in zip(found, (r, c), (left.T, right)):
        assert F.shape == (len(counts), 5) and (F[:, 0] == 1).all()
        np.testing.assert_allclose(F[:, 1], (np.log(counts) - np.log(counts).mean()) / np.log(counts).std())
        np.testing.assert_allclose(F[:, 1:].mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(F[:, 1:].std(axis=0), 1, rtol=1e-12)
        X = (vectors[1:4] / np.sqrt(counts)).T
        assert np.linalg.svd(np.linalg.qr(F[:, 2:])[0].T @ np.linalg.qr(X - X.mean(axis=0))[0])[1].min() > 0.999


def test_features_are_those_of_the_training_ratings_alone(monkeypatch):
    train, _ = split(planted(), 0.3, random_state=0)
    seen, patterns = [], bayes._patterns
    monkeypatch.setattr(bayes, "_patterns", lambda rated, *more: seen.append(rated) or patterns(rated, *more))
    BayesianFactorization(2, burn_in=1, samples=1, random_state=0).fit(train)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0].toarray(), (train.matrix.toarray() != 0).astype(float))


def test_newcomers_are_drawn_from_the_population():
    rng = np.random.default_rng(0)
    F = np.c_[np.ones(50), rng.normal(size=(50, 2))]
    F[:, 1:] -= F[:, 1:].mean(axis=0)
    side = bayes._Side(csr_array((50, 4)), csr_array((50, 4)), F, np.zeros((50, 2)))
    side.B, side.precision = rng.normal(size=(3, 2)), np.array([[2.0, 0.5], [0.5, 1]])
    mean, covariance = side.newcomer
    means = F @ side.B
    np.testing.assert_allclose(mean, means.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(covariance, np.cov(means.T, ddof=0) + np.linalg.inv(side.precision), rtol=1e-10)


def test_variance_where_both_are_new():
    """The variance of a product of two vectors, by simulation."""
    model = BayesianFactorization(2, burn_in=3, samples=2, random_state=0).fit(planted())
    rng, draws = np.random.default_rng(0), 200_000
    for s in range(2):
        x, z = (rng.multivariate_normal(table[-1, s], scatter[s], draws) for table, scatter in
                zip((model._P, model._Q), model._scatter))
        _, variances = model._components(np.array([-1]), np.array([-1]))
        simulated = np.sum(x * z, axis=1).var() + model._noise[s]
        assert variances[0, s] == pytest.approx(simulated, rel=0.03)


def test_intervals_of_almost_one_are_symmetric():
    model = BayesianFactorization(2, burn_in=2, samples=1, random_state=0).fit(planted())
    low, high = model.predict_interval(1, 1, 1 - 2**-53)
    assert low + high == pytest.approx(2 * model.predict(1, 1), rel=1e-9)
    assert (high - low) / 2 == pytest.approx(8.292 * model.predict_std(1, 1), rel=1e-3)
    assert model.predict_std(np.empty((0, 3)), 1).shape == (0, 3)


def test_shapes_blocks_and_clipping(monkeypatch):
    train = planted()
    model = BayesianFactorization(2, burn_in=2, samples=4, random_state=0).fit(train)
    grid = model.predict(np.arange(6)[:, None], np.arange(9))
    assert grid.shape == (6, 9) and model.predict([], []).shape == (0,)
    low, high = model.predict_interval([], [])
    assert low.shape == high.shape == (0,)
    np.testing.assert_allclose(model._scores(np.arange(6))[:, :9], grid, rtol=1e-12)
    monkeypatch.setattr(bayes, "BLOCK", 40)
    np.testing.assert_array_equal(model.predict(np.arange(6)[:, None], np.arange(9)), grid)
    ends = [np.array(model.predict_interval(np.arange(6)[:, None], np.arange(9), 0.99999, clip=c)) for c in (0, 1)]
    assert ends[0].shape == (2, 6, 9) and ends[0].min() < model.scale_[0] and ends[0].max() > model.scale_[1]
    np.testing.assert_array_equal(ends[1], np.clip(ends[0], *model.scale_))


@pytest.mark.parametrize("columns", [
    (["a"], [1], [3]), (["a", "b"], [1, 1], [3, 3]), (["a", "b", "c"], [1, 2, 3], [1, 2, 5]),
    ([1, 1, 2, 2], [1, 2, 1, 2], [4, 4, 4, 4]),
])
def test_tiny_and_constant_tables(columns):
    model = BayesianFactorization(random_state=0, burn_in=5, samples=40).fit(columns)
    predicted, sd = model.predict(columns[0], columns[1]), model.predict_std(columns[0], columns[1])
    assert np.isfinite(predicted).all() and (sd > 0).all() and np.isfinite(sd).all()
    assert np.isfinite(model.predict("x", "y")) and np.isfinite(model.predict_interval("x", "y")).all()


def test_seed_and_ranking():
    train, test = split(planted(), random_state=0)
    a, b, c = (BayesianFactorization(2, burn_in=2, samples=5, random_state=s).fit(train) for s in (0, 0, 1))
    assert a.predict(1, 1) == b.predict(1, 1) != c.predict(1, 1)
    assert ranking(a, train, test, relevant=1.0).precision > 0
    assert len(a.noise_path_) == 7


@pytest.mark.parametrize("arguments, words", [
    ({"n_factors": -1}, "n_factors must be an integer >= 0, got -1"),
    ({"implicit": 0.5}, "implicit must be an integer"),
    ({"burn_in": -2}, "burn_in must be"), ({"samples": 0}, "samples must be an integer >= 1, got 0"),
])
def test_wrong_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        BayesianFactorization(**arguments).fit(planted())


def test_wrong_levels():
    model = BayesianFactorization(1, burn_in=1, samples=1).fit(planted())
    with pytest.raises(ValueError, match="level must be a number > 0 and < 1|level must be a finite number"):
        model.predict_interval(1, 1, 1.5)
    with pytest.raises(ValueError, match="at_least must be a finite number"):
        model.predict_probability(1, 1, np.inf)
