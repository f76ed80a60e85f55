"""Factorisation machines against ridge regression on all products, and content-based models against scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import PolynomialFeatures

from bizai.recommend import ContentBased, FactorizationMachine, FactorizationRecommender, Ratings
from bizai.recommend.machine import fm_predict


def test_predictions_are_those_of_a_polynomial():
    rng = np.random.default_rng(0)
    X, w, V = rng.normal(size=(30, 7)), rng.normal(size=7), rng.normal(size=(7, 3))
    products = PolynomialFeatures(2, interaction_only=True, include_bias=False).fit(X)
    weights = np.append(w, (V @ V.T)[np.triu_indices(7, 1)])
    np.testing.assert_allclose(fm_predict(X, 0.5, w, V), 0.5 + products.transform(X) @ weights, rtol=1e-10)


def test_without_factors_it_is_ridge_regression():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 5)), rng.normal(3, 2, 80)
    ours, theirs = FactorizationMachine(0, l2_linear=2.5, tol=1e-15, n_iter=1000).fit(X, y), Ridge(2.5).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-6)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-6)


def test_enough_factors_beat_no_products_as_the_polynomial_does():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    y = X[:, 0] * X[:, 1] - 2 * X[:, 2] * X[:, 4] + X[:, 3] + 0.1 * rng.normal(size=400)
    machine = FactorizationMachine(l2_factors=0.01, random_state=0)
    search = GridSearchCV(machine, {"n_factors": [0, 1, 4]}, cv=3).fit(X, y)
    products = PolynomialFeatures(2, interaction_only=True).fit_transform(X)
    assert search.best_params_ == {"n_factors": 4}
    assert search.score(X, y) == pytest.approx(Ridge(0.1).fit(products, y).score(products, y), abs=0.002)


def test_recommender_without_factors_is_ridge_on_one_hot_columns():
    rng = np.random.default_rng(0)
    u, i = np.nonzero(rng.random((20, 15)) < 0.5)
    ratings, F = Ratings.of(u, i, rng.normal(3, 1, len(u))), rng.normal(size=(15, 2))
    model = FactorizationRecommender(None, (np.arange(15), F), n_factors=0, l2_linear=2.0, tol=1e-15, n_iter=3000)
    model.fit(ratings)
    users, items, values = ratings.triples
    scaled = (F - F.mean(axis=0)) / F.std(axis=0) / np.sqrt(2)
    X = np.hstack([np.eye(20)[users], np.eye(15)[items], scaled[items]])
    np.testing.assert_allclose(model.predict(users, items), Ridge(2.0).fit(X, values).predict(X), atol=1e-5)


def test_content_of_one_user_is_ridge_regression():
    rng = np.random.default_rng(0)
    F, values = rng.normal(size=(30, 3)), rng.normal(3, 1, 30)
    model = ContentBased((np.arange(30), F), l2=1.5).fit((np.zeros(30, dtype=int), np.arange(30), values))
    scaled = (F - F.mean(axis=0)) / F.std(axis=0) / np.sqrt(3)
    pooled = Ridge(1.5).fit(scaled, values)
    assert model.intercept_ == pytest.approx(pooled.intercept_)
    np.testing.assert_allclose(model.coef_, pooled.coef_, rtol=1e-9)
    Z = np.c_[scaled, np.ones(30)]
    deviation = Ridge(1.5, fit_intercept=False).fit(Z, values - pooled.predict(scaled))
    expected = pooled.predict(scaled) + deviation.predict(Z)
    np.testing.assert_allclose(model.predict(0, np.arange(30)), expected, rtol=1e-9)
