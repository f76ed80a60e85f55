"""Implicit feedback against the library *implicit*, from the same start."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from bizai.recommend.implicit import implicit_objective, implicit_step

als = pytest.importorskip("implicit.cpu.als")


def test_sweeps_are_those_of_the_library_implicit():
    rng = np.random.default_rng(0)
    N = np.where(rng.random((60, 40)) < 0.2, rng.integers(1, 8, (60, 40)), 0).astype(float)
    P, Q = rng.normal(0, 0.3, (60, 5)), rng.normal(0, 0.3, (40, 5))
    alpha, l2 = 3.0, 0.8
    peer = als.AlternatingLeastSquares(factors=5, regularization=l2, alpha=1.0, iterations=7, use_native=True,
                                       use_cg=False, dtype=np.float64, num_threads=1)
    peer.user_factors, peer.item_factors = P.copy(), Q.copy()
    confident = csr_matrix(N)
    confident.data = 1 + alpha * confident.data             # its data are the confidences themselves
    peer.fit(confident, show_progress=False)
    N = csr_array(N)
    for _ in range(7):
        P = implicit_step(N, Q, l2=l2, alpha=alpha)
        Q = implicit_step(N.T, P, l2=l2, alpha=alpha)
    np.testing.assert_allclose(P, peer.user_factors, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(Q, peer.item_factors, rtol=1e-8, atol=1e-10)
    J = implicit_objective(N, P, Q, l2=l2, alpha=alpha)
    assert J == pytest.approx(implicit_objective(N, peer.user_factors, peer.item_factors, l2=l2, alpha=alpha), rel=1e-10)
