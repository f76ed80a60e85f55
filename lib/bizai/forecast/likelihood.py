"""The Gaussian likelihood of seasonal ARMA models, of many series and many parameter vectors at once.

Rows are pairs of a series and a parameter vector: `phi` (rows, p + 1) and `theta` (rows, q + 1) hold the full
polynomials 1 - phi_1 B - ... and 1 + theta_1 B + ... (seasonal factors multiplied in, constants first), and `x`
(columns, rows, n) holds the series w and, where there is a mean, a column of ones.

The exact likelihood is that of Ansley (1979): with u_t = w_t for t <= r = max(p, q) and u_t = phi(B) w_t beyond, a
transform of determinant 1, the covariance matrix sigma^2 V of u is zero beyond the lag r. The Cholesky factor
V = L L' costs n r^2 operations, and e = L^{-1} u are independent shocks of variance sigma^2. Conditional sums of
squares leave out the first p values and put the Toeplitz matrix of theta in place of L.

Source: eqs. arma, stationarity, seasonal-arima, exact-likelihood and css of the chapter *arima*; D2-EQ-26.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

FINE, COARSE = (-0.9, -0.5, 0.0, 0.5, 0.9), (-0.6, 0.0, 0.6)        # partial autocorrelations at the starts
EDGE = {True: 1 - 1e-9, False: 1 - 1e-6}    # largest partial autocorrelation of phi: exact, conditional
STEP = 1e-4                         # of finite differences
NEAR = 0.1                         # distance of angles within which two searches are one


@dataclass(frozen=True)
class Structure:
    """Orders of a multiplicative ARMA model of a (differenced) series.

    Coefficients stand in the order phi, theta, Phi, Theta.
    """

    p: int
    q: int
    P: int = 0
    Q: int = 0
    season: int = 1
    mean: bool = False
    exact: bool = True

    @property
    def size(self):
        return self.p + self.q + self.P + self.Q

    @property
    def ar(self):
        """Order of the full autoregressive polynomial."""
        return self.p + self.season * self.P

    @property
    def ma(self):
        return self.q + self.season * self.Q

    @property
    def skipped(self):
        """Values that only condition (conditional least squares)."""
        return 0 if self.exact else self.ar

    @cached_property
    def blocks(self):
        """Slices of phi, theta, Phi and Theta in a coefficient vector."""
        ends = np.cumsum([0, self.p, self.q, self.P, self.Q]).tolist()
        return [slice(a, b) for a, b in zip(ends, ends[1:])]

    def polynomials(self, coefficients):
        """phi(B) Phi(B^m) and theta(B) Theta(B^m) of coefficient vectors (rows, size)."""
        phi, theta, Phi, Theta = (coefficients[:, block] for block in self.blocks)
        return _product(-phi, -Phi, self.season), _product(theta, Theta, self.season)

    def coefficients(self, angles):
        """Stationary and invertible coefficients (rows, size) from any angles (rows, size).

        The partial autocorrelations of each polynomial are the sines of its angles (Monahan 1984, with another
        transform). In angles the expected information of a long series is about constant, and a moving average
        on the unit circle is a smooth point, as the likelihood is the same for theta and 1/theta.
        """
        r = np.sin(angles)
        phi, theta, Phi, Theta = (r[:, block] for block in self.blocks)
        edge = EDGE[self.exact]
        return np.concatenate([from_partial(edge * phi), -from_partial(theta), from_partial(edge * Phi),
                               -from_partial(Theta)], axis=1)

    def stationary(self, angles):
        """Whether phi and Phi are off the unit circle, by rows: on it the search has only come to the edge."""
        phi, _, Phi, _ = (np.cos(angles[:, block]) for block in self.blocks)
        return (np.abs(np.concatenate([phi, Phi], axis=1)) > 1e-4).all(axis=1)


def _product(own, seasonal, season):
    """(1 + own_1 B + ...) (1 + seasonal_1 B^m + ...), by rows."""
    one = np.ones((len(own), 1))
    own = np.concatenate([one, own], axis=1)
    if not seasonal.shape[1]:
        return own
    width = own.shape[1]
    product = np.zeros((len(own), width + season * seasonal.shape[1]))
    product[:, :width] = own
    for i in range(seasonal.shape[1]):
        start = (i + 1) * season
        product[:, start:start + width] += seasonal[:, i:i + 1] * own
    return product


def from_partial(r):
    """Coefficients phi_1 .. phi_p from partial autocorrelations (rows, p): the Durbin-Levinson recursion."""
    phi = r[:, :1]
    for k in range(1, r.shape[1]):
        rk = r[:, k:k + 1]
        phi = np.concatenate([phi - rk * phi[:, ::-1], rk], axis=1)
    return phi


# ----------------------------------------------------------------------------------------------------------
# Covariances and sums of squares
# ----------------------------------------------------------------------------------------------------------

@lru_cache
def _lags(p):
    """Where phi_{k-j} and phi_{k+j} stand, j, k = 0..p, in phi followed by a zero; the second without j = 0."""
    k, j = np.indices((p + 1, p + 1))
    plus = np.where(j > 0, np.minimum(k + j, p + 1), p + 1)
    return np.where(k >= j, k - j, p + 1), plus, np.minimum(k + j, p + 1)


def covariances(phi, theta):
    """Covariances at the lags 0, 1, ... over sigma^2, by rows.

    Returns
    -------
    w : ndarray, shape (rows, max(p, q) + 1)
        gamma_k = Cov(w_t, w_{t-k}).
    cross : ndarray, shape (rows, q + 1)
        Cov(phi(B) w_t, w_{t-k}) = sum_j theta_{j+k} psi_j.
    u : ndarray, shape (rows, q + 1)
        Cov of phi(B) w, a moving average: sum_j theta_{j+k} theta_j.
    """
    p, q = phi.shape[1] - 1, theta.shape[1] - 1
    zero = np.zeros((len(phi), 1))
    shifted = np.concatenate([theta, zero], axis=1)[:, _lags(q)[2]]             # theta_{j+k} at [row, k, j]
    u = (shifted @ theta[:, :, None])[:, :, 0]
    if p == 0:
        return u, u, u
    psi = theta.copy()
    for j in range(1, q + 1):
        i = min(j, p)
        psi[:, j] -= np.einsum("bi,bi->b", phi[:, 1:i + 1], psi[:, j - i:j][:, ::-1])
    cross = (shifted @ psi[:, :, None])[:, :, 0]
    minus, plus, _ = _lags(p)
    padded = np.concatenate([phi, zero], axis=1)
    right = np.zeros((len(phi), max(p, q) + 1))
    right[:, :q + 1] = cross
    w = right.copy()
    w[:, :p + 1] = _solve(padded[:, minus] + padded[:, plus], right[:, :p + 1])
    for k in range(p + 1, q + 1):
        w[:, k] -= np.einsum("bi,bi->b", phi[:, 1:], w[:, k - p:k][:, ::-1])
    return w, cross, u


def _solve(A, b):
    """Solutions (rows, p + 1); -1, no covariance, where A is singular: a root on the unit circle."""
    try:
        return np.linalg.solve(A, b[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        if len(A) == 1:
            return np.full(b.shape, -1.0)
        return np.concatenate([_solve(A[i:i + 1], b[i:i + 1]) for i in range(len(A))])


def band(phi, theta, n):
    """V in LAPACK's lower band storage, (rows, n, width): element [t, k] is Cov(u_{t+k}, u_t) / sigma^2."""
    p, q = phi.shape[1] - 1, theta.shape[1] - 1
    r = max(p, q)
    width = max(r - 1, q) + 1
    w, cross, u = covariances(phi, theta)
    V = np.zeros((len(phi), n, width))
    V[:, :, :q + 1] = u[:, None]
    V[:, :r, :q + 1] = cross[:, None]
    for t in range(r if p else 0):
        V[:, t, :r - t] = w[:, :r - t]
    for k in range(1, width):
        V[:, n - k:, k] = 0
    return V


def first_order(phi, theta, n):
    """V for p and q of at most 1, (rows, n, 2) as of `band`, in closed form; each diagonal is contiguous."""
    phi, theta = (c[:, 1] if c.shape[1] > 1 else np.zeros(len(c)) for c in (phi, theta))
    V = np.empty((2, len(phi), n)).transpose(1, 2, 0)
    V[:, :, 0] = (1 + theta * theta)[:, None]
    V[:, 0, 0] = 1 + (theta - phi)**2 / ((1 - phi) * (1 + phi))             # gamma_0; phi is -phi_1 here
    V[:, :, 1] = theta[:, None]
    V[:, -1, 1] = 0
    return V


def transform(phi, x, r):
    """u of x (columns, rows, n): the first r values, then phi(B) x."""
    u, n = x.copy(), x.shape[2]
    for i in range(1, phi.shape[1]):
        if phi[:, i].any():
            u[:, :, r:] += phi[:, i:i + 1] * x[:, :, r - i:n - i]
    return u


def products(structure, phi, theta, x):
    """Products x_i' V^{-1} x_j of the columns of x, (columns, columns, rows), and log det V (rows,)."""
    r = max(structure.ar, structure.ma)
    if not structure.exact:
        u = transform(phi, x, structure.ar)[:, :, structure.ar:]
        V = np.repeat(theta[:, None], u.shape[2], axis=1)
        for k in range(1, V.shape[2]):
            V[:, -k:, k] = 0
        return _banded(V, u, factor=False)
    u = transform(phi, x, r)
    if len(phi) > 2 * x.shape[2]:
        return _together(phi, theta, u)
    V = (first_order if r == 1 else band)(phi, theta, x.shape[2])
    return (_tridiagonal if V.shape[2] == 2 else _banded)(V, u)


def _inner(e):
    return np.einsum("irt,jrt->ijr", e, e)


def _tridiagonal(V, u):
    """By LAPACK, for V with one diagonal beside the main one: one matrix with the V of all rows as its blocks."""
    from scipy.linalg.lapack import dpttrf, dpttrs

    rows, n, _ = V.shape
    diagonal, beside, failed = dpttrf(V[:, :, 0].ravel(), V[:, :, 1].ravel()[:-1])
    if failed:
        return _one_by_one(_tridiagonal, V, u)
    solution, _ = dpttrs(diagonal, beside, u.reshape(len(u), rows * n).T)
    return np.einsum("irt,jrt->ijr", u, solution.T.reshape(u.shape)), np.log(diagonal.reshape(rows, n)).sum(axis=1)


def _banded(V, u, factor=True):
    """The same for any number of diagonals; factor=False: V is the Cholesky factor L already."""
    from scipy.linalg.lapack import dpbtrf, dtbtrs

    rows, n, width = V.shape
    L, failed = V.reshape(rows * n, width).T, 0
    if factor:
        L, failed = dpbtrf(L, lower=1)                              # V stays as it is
    if failed:
        return _one_by_one(_banded, V, u)
    e, _ = dtbtrs(L, u.reshape(len(u), rows * n).T, uplo="L")
    return _inner(e.T.reshape(u.shape)), 2 * np.log(L[0].reshape(rows, n)).sum(axis=1)


def _one_by_one(function, V, u):
    """Where the V of some row is not positive definite (to rounding): its products are infinite."""
    if len(V) == 1:
        return np.full((len(u), len(u), 1), np.inf), np.zeros(1)
    results, logdets = zip(*(function(V[i:i + 1], u[:, i:i + 1]) for i in range(len(V))))
    return np.concatenate(results, axis=2), np.concatenate(logdets)


def _together(phi, theta, u):
    """The same by a recursion over t on vectors of all rows: faster from a few hundred rows on."""
    p, q, n = phi.shape[1] - 1, theta.shape[1] - 1, u.shape[2]
    r = max(p, q)
    w, cross, v = (np.ascontiguousarray(c.T) for c in covariances(phi, theta))
    u = np.ascontiguousarray(u.transpose(2, 0, 1))                  # (n, columns, rows)
    e, diagonal = np.empty_like(u), np.empty((n, u.shape[2]))
    L = [{} for _ in range(n)]                                      # L[t][s] for s < t
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for t in range(n):
            below = range(0 if t < r else max(0, t - q), t)
            total, square = u[t].copy(), (w if t < r else v)[0].copy()
            for s in below:
                value = (w if t < r else cross if s < r else v)[t - s]
                for i in L[s].keys() & L[t].keys():
                    value = value - L[t][i] * L[s][i]
                L[t][s] = value = value / diagonal[s]
                square -= value * value
                total -= value * e[s]
            np.sqrt(square, out=diagonal[t])
            np.divide(total, diagonal[t], out=e[t])
            if t - r > q:
                L[t - q - 1] = {}
        logdet = 2 * np.log(diagonal).sum(axis=0)
    gram, bad = np.einsum("tir,tjr->ijr", e, e), ~np.isfinite(logdet)
    gram[:, :, bad], logdet[bad] = np.inf, 0
    return gram, logdet


# ----------------------------------------------------------------------------------------------------------
# Maximum likelihood
# ----------------------------------------------------------------------------------------------------------

def loglik(structure, coefficients, mean, sigma2, w):
    """Log-likelihood (rows,) of series w (rows, n), and sigma2: given, or if None its best value S / n."""
    n = w.shape[1] - structure.skipped
    gram, logdet = products(structure, *structure.polynomials(coefficients), (w - mean[:, None])[None])
    squares = gram[0, 0]
    if sigma2 is None:
        sigma2 = squares / n
    with np.errstate(divide="ignore", invalid="ignore"):
        value = -0.5 * (n * np.log(2 * np.pi * sigma2) + logdet + squares / sigma2)
    return np.where(np.isfinite(squares) & (sigma2 > 0), value, -np.inf), sigma2


class Profile:
    """Minus the log-likelihood as a function of the angles, with the mean and sigma^2 at their best values.

    `w` is (series, n), centred and of variance about 1; constants are left out.
    """

    def __init__(self, structure, w):
        self.structure, self.n = structure, w.shape[1] - structure.skipped
        self.x = np.stack([w, np.ones_like(w)]) if structure.mean else w[None]

    def __call__(self, angles, series):
        """Values (rows,) at angles (rows, size) of the series with these numbers (rows,)."""
        gram, logdet = self._products(angles, series)
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = gram[0, 0] - (gram[0, 1]**2 / gram[1, 1] if self.structure.mean else 0)
            value = 0.5 * (self.n * np.log(squares / self.n) + logdet)
        return np.where(np.isfinite(value), value, np.inf)

    def mean(self, angles, series):
        """Best mean (rows,): generalised least squares on the column of ones."""
        if not self.structure.mean:
            return np.zeros(len(series))
        gram, _ = self._products(angles, series)
        return gram[0, 1] / gram[1, 1]

    def _products(self, angles, series):
        columns, known, n = self.x.shape
        x = np.broadcast_to(self.x, (columns, len(series), n)) if known == 1 else self.x[:, series]
        return products(self.structure, *self.structure.polynomials(self.structure.coefficients(angles)), x)


@lru_cache
def starts(structure):
    """Grid of angles (points, size) to start from, and its shape (points per axis).

    The axes are the first partial autocorrelation of each polynomial and, with at most two of them, the second.
    """
    blocks = [block for block in structure.blocks if block.stop > block.start]
    first = [(block.start, FINE if len(blocks) <= 2 else COARSE) for block in blocks]
    second = [(block.start + 1, COARSE) for block in blocks if block.stop > block.start + 1 and len(blocks) <= 2]
    axes, values = zip(*first, *second)
    points = np.array(np.meshgrid(*values, indexing="ij"))
    angles = np.zeros((points[0].size, structure.size))
    angles[:, axes] = np.arcsin(points).reshape(len(axes), -1).T
    return angles, points.shape[1:]


def _valleys(values):
    """Where a grid (.., series) is not above its neighbours along any axis but the last."""
    low = np.isfinite(values)
    for axis in range(values.ndim - 1):
        here = np.moveaxis(values, axis, 0)
        mask = np.moveaxis(low, axis, 0)                            # a view
        mask[1:] &= here[1:] <= here[:-1]
        mask[:-1] &= here[:-1] <= here[1:]
    return low


def maximise(structure, w, tries=None):
    """Angles (series, size) of the largest likelihood of each series w (series, n), and whether each search ended.

    The likelihood of a mixed model often has several peaks: the search starts from the best valleys of a grid, two
    per coefficient unless `tries` says how many.
    """
    series, size = len(w), structure.size
    if size == 0:
        return np.zeros((series, 0)), np.ones(series, dtype=bool)
    objective, (grid, shape), number = Profile(structure, w), starts(structure), np.arange(series)
    if series == 1:
        values = objective(grid, np.zeros(len(grid), dtype=int))[:, None]
    else:
        values = np.stack([objective(np.tile(angles, (series, 1)), number) for angles in grid])
    values[~_valleys(values.reshape(*shape, series)).reshape(-1, series)] = np.inf
    tries = min(tries or 2 * size, len(grid))
    order = np.argsort(values, axis=0, kind="stable")[:tries]      # (tries, series)
    which, owner = np.nonzero(np.isfinite(np.take_along_axis(values, order, axis=0)))
    angles, value, ended = _newton(objective, grid[order[which, owner]], owner)
    table = np.full((tries, series), np.inf)
    table[which, owner] = value
    rows = np.zeros((tries, series), dtype=int)
    rows[which, owner] = np.arange(len(owner))
    winner = rows[np.argmin(table, axis=0), number]
    return angles[winner], ended[winner] & structure.stationary(angles[winner])


@lru_cache
def _stencil(size):
    """Points around 0, and weights (points, size + size^2) that turn values there into gradient and Hessian."""
    axes, (i, j) = STEP * np.eye(size), np.triu_indices(size, 1)
    points = np.concatenate([np.zeros((1, size)), axes, -axes, axes[i] + axes[j]])
    gradient, hessian = np.zeros((len(points), size)), np.zeros((len(points), size, size))
    for k in range(size):
        gradient[[k + 1, size + k + 1], k] = 1 / (2 * STEP), -1 / (2 * STEP)
        hessian[[k + 1, size + k + 1], k, k] = STEP**-2
    for row, (k, l) in enumerate(zip(i, j), 2 * size + 1):
        for which, sign in [(row, 1), (k + 1, -1), (l + 1, -1)]:
            hessian[which, [k, l], [l, k]] += sign * STEP**-2
    return points, np.concatenate([gradient, hessian.reshape(len(points), -1)], axis=1)


def _newton(objective, angles, series, most=100, tolerance=1e-6):
    """Local minima of objective(angles, series) from all rows at once: where, how low, and whether found.

    Newton steps with finite differences, on the absolute values of the Hessian's eigenvalues (so that a saddle
    repels), no longer than a radius that shrinks until the objective falls. A row ends when a step gains less than
    `tolerance`, and is given up when it is far behind the lowest row of its series, or when its step leads there.
    """
    rows, size = angles.shape
    stencil, weights = _stencil(size)

    def look(u, series):
        """Value (rows,), gradient (rows, size) and Hessian (rows, size, size)."""
        points = (stencil[:, None] + u).reshape(-1, size)
        f = objective(points, np.tile(series, len(stencil))).reshape(len(stencil), len(u))
        with np.errstate(invalid="ignore"):
            derivatives = (f - f[0]).T @ weights
        return f[0], derivatives[:, :size], derivatives[:, size:].reshape(-1, size, size)

    def lowest():
        """For each row, the row of its series with the least value so far."""
        order = np.argsort(-value, kind="stable")
        leader = np.zeros(series.max() + 1, dtype=int)
        leader[series[order]] = order                               # the last one stays
        return leader[series]

    angles, radius, gain = angles.copy(), np.full(rows, 0.5), np.full(rows, np.inf)
    value, slope, hessian = look(angles, series)
    active = np.flatnonzero(np.isfinite(hessian).all(axis=(1, 2)))
    for _ in range(most):
        curvature, basis = np.linalg.eigh(hessian[active])
        down = (slope[active, None] @ basis)[:, 0]
        along = down / (np.abs(curvature) + 1e-12)
        gain[active] = 0.5 * (along * down).sum(axis=1)
        step = -(basis @ along[:, :, None])[:, :, 0]
        length = np.sqrt((step * step).sum(axis=1))
        flat = np.abs(np.cos(angles[active])).min(axis=1) < 0.1     # next to the unit circle
        last = (gain[active] <= np.where(flat, tolerance / 1e3, tolerance)) & (length < radius[active])
        angles[active[last]] += step[last]                          # Newton's last step needs no second look
        leader = lowest()[active]
        hopeless = value[active] - 4 * gain[active] > value[leader] + 1
        apart = angles[active] + step - angles[leader]
        follows = ~flat & (leader != active) & ((apart * apart).sum(axis=1) < NEAR**2)
        going = ~(last | hopeless | follows) & (radius[active] > 1e-8)
        active, step, length = active[going], step[going], length[going]
        if not len(active):
            break
        shrink = np.minimum(1, radius[active] / length)
        step, length = step * shrink[:, None], length * shrink
        f, g, H = look(angles[active] + step, series[active])
        better = (f < value[active]) & np.isfinite(H).all(axis=(1, 2))
        radius[active] = np.where(better, np.maximum(radius[active], 2 * length), length / 4)
        ok = active[better]
        angles[ok] += step[better]
        value[ok], slope[ok], hessian[ok] = f[better], g[better], H[better]
    return angles, value, gain <= 1e-5
