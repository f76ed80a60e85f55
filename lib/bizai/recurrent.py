"""Long short-term memory: the cell, backpropagation through time, and a regressor for series.

Symbols are those of the chapter *lstm*: x_t is the input at step t = 1..T, h_t the hidden state and C_t the cell
state (h_0 and C_0 before the first step); f_t, i_t and o_t are the forget, input and output gates, and c~_t
(`c_tilde`) is the candidate. W stacks the weights of the gates in the order i, f, c, o (that of Keras), and each
W_g acts on [h_{t-1}, x_t]. sigma() is the logistic function, L the loss. Everything is batch first from outside:
(batch, time, features) in, (batch, time, units) out. Inside, each row of the batch is a column and time comes
first, so that every gate of a step is one contiguous block and the equations read as they are written.
"""

from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ._check import integer, number

__all__ = ["CellGradients", "Forward", "Gradients", "LSTM", "LSTMRegressor", "cell_gradient_norms", "forecast",
           "sequences"]

GATES = ("i", "f", "c", "o")


# ----------------------------------------------------------------------------------------------------------
# The layer
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class LSTM:
    """A layer of LSTM cells: h_t and C_t of every step, and the gradients of a loss by backpropagation.

    Parameters
    ----------
    W : array_like of shape (4 * units, units + features)
        Weights on [h_{t-1}, x_t]; blocks of `units` rows for the gates i, f, c, o in this order.
    b : array_like of shape (4 * units,)
        Biases, in the same order.
    dtype : dtype, default=float64
        Precision of the weights and of everything computed from them: float64, or float32 for a comparison with
        libraries that work in single precision.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, a value is not finite, or the dtype is another one.

    Notes
    -----
    f_t = sigma(W_f [h_{t-1}, x_t] + b_f), i_t and o_t likewise, c~_t = tanh(W_c [h_{t-1}, x_t] + b_c),
    C_t = f_t C_{t-1} + i_t c~_t and h_t = o_t tanh(C_t). Source: eqs. lstm-forget, lstm-input, lstm-candidate,
    lstm-cell, lstm-output and lstm-hidden of the chapter *lstm*; D2-EQ-27 to D2-EQ-32, D3-EQ-21 to D3-EQ-26.

    Examples
    --------
    >>> lstm = LSTM(W=[[0, 1], [0, 0], [0, 1], [0, 0]], b=[0, 0, 0, 0])
    >>> lstm.forward([[[0.5], [1.0]]]).h.round(4).ravel().tolist()
    [0.14, 0.3024]
    """

    W: np.ndarray
    b: np.ndarray
    dtype: type = np.float64

    def __post_init__(self):
        dtype = np.dtype(self.dtype)
        if dtype not in (np.float64, np.float32):
            raise ValueError(f"dtype must be float64 or float32, got {dtype}")
        W, b = _array("W", self.W, dtype, 2), _array("b", self.b, dtype, 1)
        units = len(W) // 4
        if len(W) != 4 * units or units < 1 or W.shape[1] <= units or len(b) != len(W):
            raise ValueError("W must have shape (4 * units, units + features) and b (4 * units,) with at least "
                             f"one unit and one feature, got {W.shape} and {b.shape}")
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "W", W.copy())
        object.__setattr__(self, "b", b.copy())

    @property
    def units(self):
        """Number of cells u."""
        return len(self.b) // 4

    @property
    def features(self):
        """Number of features d of each step."""
        return self.W.shape[1] - self.units

    def __getattr__(self, name):
        """W_f, W_i, W_c, W_o (units, units + features) and b_f .. b_o (units,): views of W and b by gate."""
        array, _, gate = name.partition("_")
        if array in ("W", "b") and gate in GATES:
            return _block(getattr(self, array), gate)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @classmethod
    def from_keras(cls, kernel, recurrent_kernel, bias, dtype=np.float64):
        """Layer from the three arrays of a Keras LSTM layer, in the order of its `get_weights()`.

        Parameters
        ----------
        kernel : array_like of shape (features, 4 * units)
        recurrent_kernel : array_like of shape (units, 4 * units)
        bias : array_like of shape (4 * units,)
        dtype : dtype, default=float64

        Returns
        -------
        LSTM

        Raises
        ------
        ValueError
            If the shapes do not fit each other.
        """
        kernel = _array("kernel", kernel, dtype, 2)
        recurrent = _array("recurrent_kernel", recurrent_kernel, dtype, 2)
        if recurrent.shape[1] != 4 * len(recurrent) or kernel.shape[1] != recurrent.shape[1]:
            raise ValueError("kernel must have shape (features, 4 * units) and recurrent_kernel "
                             f"(units, 4 * units), got {kernel.shape} and {recurrent.shape}")
        return cls(np.vstack([recurrent, kernel]).T, bias, dtype)

    def to_keras(self):
        """Kernel, recurrent kernel and bias: the arrays that a Keras LSTM layer's `set_weights` takes."""
        return _keras(self.W, self.b)

    @classmethod
    def random(cls, units, features, random_state=None, dtype=np.float64):
        """Layer with random weights: Glorot uniform on x_t, orthogonal on h_{t-1}; b_f = 1, the other b = 0.

        Parameters
        ----------
        units, features : int, >= 1
        random_state : int, RandomState instance or None, default=None
        dtype : dtype, default=float64

        Returns
        -------
        LSTM
        """
        u, d = integer("units", units), integer("features", features)
        rng = check_random_state(random_state)
        limit = np.sqrt(6 / (d + 4 * u))
        V = rng.uniform(-limit, limit, (4 * u, d))
        Q, R = np.linalg.qr(rng.standard_normal((4 * u, u)))
        return cls(np.hstack([Q * np.sign(np.diag(R)), V]), np.repeat([0.0, 1, 0, 0], u), dtype)

    def step(self, x, h, C, nudge=None):
        """One step, in plain words of the equations; `forward` does the same for all steps, faster.

        Parameters
        ----------
        x : array_like of shape (batch, features)
            x_t.
        h, C : array_like of shape (batch, units)
            h_{t-1} and C_{t-1}.
        nudge : dict of str to array_like, optional
            What to add to the quantity named f, i, c_tilde, C, o or h before it is used further. Finite
            differences of a loss in it are the derivatives that `backward` returns under the names df, di, ...

        Returns
        -------
        dict of str to ndarray of shape (batch, units)
            f, i, c_tilde, C, o and h of step t.

        Notes
        -----
        Source: eqs. lstm-forget, lstm-input, lstm-candidate, lstm-cell, lstm-output and lstm-hidden of the chapter
        *lstm*; D2-EQ-27 to D2-EQ-32.
        """
        nudge = nudge or {}
        hx = np.hstack([h, x])
        f = _sigma(hx @ self.W_f.T + self.b_f) + nudge.get("f", 0)
        i = _sigma(hx @ self.W_i.T + self.b_i) + nudge.get("i", 0)
        c_tilde = np.tanh(hx @ self.W_c.T + self.b_c) + nudge.get("c_tilde", 0)
        C = f * C + i * c_tilde + nudge.get("C", 0)
        o = _sigma(hx @ self.W_o.T + self.b_o) + nudge.get("o", 0)
        h = o * np.tanh(C) + nudge.get("h", 0)
        return {"f": f, "i": i, "c_tilde": c_tilde, "C": C, "o": o, "h": h}

    def forward(self, X, h0=None, C0=None):
        """States and gates of every step.

        Parameters
        ----------
        X : array_like of shape (batch, time, features)
        h0, C0 : array_like of shape (batch, units), default zeros
            h_0 and C_0.

        Returns
        -------
        Forward

        Raises
        ------
        ValueError
            If a shape does not fit or a value is not finite.

        Notes
        -----
        Source: eqs. lstm-forget, lstm-input, lstm-candidate, lstm-cell, lstm-output and lstm-hidden of the chapter
        *lstm*; D2-EQ-27 to D2-EQ-32, D3-EQ-21 to D3-EQ-26. All gates take one tanh, since
        sigma(z) = (1 + tanh(z/2))/2, which does not overflow; a gate nearer to 0 or 1 than 1e-16 is 0 or 1.
        """
        X = _array("X", X, self.dtype, 3)
        batch, time, features = X.shape
        if min(batch, time) < 1 or features != self.features:
            raise ValueError(f"X must have shape (batch >= 1, time >= 1, {self.features}), got {X.shape}")
        work = _Work(self.units, features, time, batch, self.dtype)
        work.X[:] = X.transpose(1, 2, 0)
        work.h[0] = self._state("h0", h0, batch)
        work.C[0] = self._state("C0", C0, batch)
        work.forward(self.W, self.b)
        return Forward(work)

    def _state(self, name, value, batch):
        value = np.zeros((batch, self.units)) if value is None else _array(name, value, self.dtype, 2)
        if value.shape != (batch, self.units):
            raise ValueError(f"{name} must have shape {(batch, self.units)}, got {value.shape}")
        return value.T

    def backward(self, result, dh, dC=None):
        """Gradients of a loss L by backpropagation through time.

        Parameters
        ----------
        result : Forward
            What `forward` returned, of these weights.
        dh : array_like of shape (batch, time, units) or (batch, units)
            Gradient that reaches h_t from the layer above, of every step or of the last step only. What reaches
            h_t from step t + 1 is added here.
        dC : array_like of shape (batch, units), default zeros
            Gradient that reaches the last cell state C_T from outside.

        Returns
        -------
        Gradients

        Raises
        ------
        ValueError
            If a shape does not fit or a value is not finite.

        Notes
        -----
        Source: eqs. bptt-hidden, bptt-output, bptt-cell, bptt-gates and bptt-weights of the chapter *lstm*;
        D2-EQ-96 to D2-EQ-101.
        """
        batch, time, units = result.h.shape
        if units != self.units or result.X.shape[2] != self.features:
            raise ValueError(f"result must come from a layer of {self.units} units and {self.features} features, "
                             f"got {units} and {result.X.shape[2]}")
        dh = _array("dh", dh, self.dtype, 2 if np.ndim(dh) == 2 else 3)
        every_step = dh.ndim == 3
        if dh.shape != (result.h.shape if every_step else (batch, units)):
            raise ValueError(f"dh must have shape {result.h.shape} or {(batch, units)}, got {dh.shape}")
        work = result._work.copy()
        if every_step:
            work.dh[:] = dh.transpose(1, 2, 0)
        else:
            work.dh[-1] = dh.T
        dW, db = work.backward(self.W, every_step, self._state("dC", dC, batch))
        return Gradients(dW, db, work.dX(self.W), work.dh0.T, work.dC0.T, result, work)


class _Work:
    """Arrays of the forward and the backward pass, with a column for each row of the batch; reused in training.

    S[t] stacks h_{t-1}, x_t and 1, so that one matrix product gives W [h_{t-1}, x_t] + b. G[t] stacks o, i, f, c~
    and, as a fifth block, C_{t-1}, so that one product of (i, f) with (c~, C_{t-1}) gives both terms of C_t. dz
    has the gradients before sigma and tanh, in the order o, i, f, c. The lists hold the views of each step.
    """

    def __init__(self, u, d, T, B, dtype):
        self.u, self.d, self.T, self.B, self.dtype = u, d, T, B, dtype
        self.S = np.empty((T + 1, u + d + 1, B), dtype)
        self.G = np.empty((T + 1, 5 * u, B), dtype)
        self.parts = np.empty((T, 2 * u, B), dtype)                 # i c~ and f C_{t-1}
        self.tanh_C = np.empty((T, u, B), dtype)
        self.dh, self.dC = np.empty((2, T, u, B), dtype)
        self.dz = np.empty((T, 4 * u, B), dtype)
        self.S[:, u + d] = 1
        self.S[-1, u:] = 0
        self._name()

    def _name(self):
        u, S, G = self.u, self.S, self.G
        self.h, self.X = S[:, :u], S[:-1, u:-1]
        self.o, self.i, self.f, self.c_tilde = (G[:-1, k * u:(k + 1) * u] for k in range(4))
        self.C = G[:, 4 * u:]
        self._ahead = list(zip(
            S[:-1], G[:-1, :4 * u], G[:-1, :3 * u], G[:-1, u:3 * u], G[:-1, 3 * u:],
            self.parts, self.parts[:, :u], self.parts[:, u:], self.C[1:], self.tanh_C, self.o, self.h[1:]))
        self._back = list(zip(self.dh, self.dC, self.f, self.dz, self.dz[:, :u],
                              self.dz[:, u:].reshape(self.T, 3, u, self.B)))[::-1]

    def copy(self):
        """The same forward pass, with arrays of its own for another backward pass."""
        other = object.__new__(_Work)
        other.__dict__.update(self.__dict__)
        other.dh, other.dC = np.empty((2, *self.tanh_C.shape), self.dtype)
        other.dz = np.empty_like(self.dz)
        other._name()
        return other

    def forward(self, W, b):
        """Gates and states of every step, from X, h[0] and C[0]."""
        u = self.u
        A = np.column_stack([W, b])
        A[:2 * u] /= 2                                             # sigma(z) = (1 + tanh(z/2))/2
        A[3 * u:] /= 2
        A = np.roll(A, u, axis=0)                                  # i, f, c, o -> o, i, f, c
        half = self.dtype.type(0.5)
        matmul, tanh, multiply, add = np.matmul, np.tanh, np.multiply, np.add
        for hx1, z, oif, if_, cC, parts, ic, fC, C, tanh_C, o, h in self._ahead:
            matmul(A, hx1, out=z)
            tanh(z, out=z)
            multiply(oif, half, out=oif)
            add(oif, half, out=oif)
            multiply(if_, cC, out=parts)                           # i_t c~_t and f_t C_{t-1}
            add(ic, fC, out=C)
            tanh(C, out=tanh_C)
            multiply(o, tanh_C, out=h)

    def backward(self, W, every_step, dC_T=0):
        """Gradients in W and b, from `dh` of every step or the last; leaves the total dL/dh_t, dC and dz."""
        u, T, B = self.u, self.T, self.B
        UT = np.ascontiguousarray(np.roll(W[:, :u], u, axis=0).T)  # on h_{t-1}, transposed
        matmul, multiply, add = np.matmul, np.multiply, np.add
        self._factors()
        carry, through_h = np.empty((2, u, B), self.dtype)
        carry[:] = dC_T
        dz_next = None
        for dh, dC, f, dz, dz_o, dz_ifc in self._back:
            if dz_next is not None:
                matmul(UT, dz_next, out=through_h if every_step else dh)
                if every_step:
                    add(dh, through_h, out=dh)
            multiply(dC, dh, out=dC)                               # dh_t o_t (1 - tanh^2 C_t) + dC_{t+1} f_{t+1}
            add(dC, carry, out=dC)
            multiply(dC, f, out=carry)
            multiply(dz_o, dh, out=dz_o)
            multiply(dz_ifc, dC, out=dz_ifc)
            dz_next = dz
        self.dh0, self.dC0 = UT @ dz_next, carry
        dz = self.dz.transpose(1, 0, 2).reshape(4 * u, T * B)
        hx1 = self.S[:-1].transpose(1, 0, 2).reshape(-1, T * B)
        dA = np.roll(dz @ hx1.T, -u, axis=0)
        return dA[:, :-1], dA[:, -1]

    def _factors(self):
        """What dh_t and dC_t are multiplied by, for all steps at once; written where the products will stand."""
        u = self.u
        for a, b, c, out in (
                (self.o, self.h[1:], self.tanh_C, self.dC),                            # o (1 - tanh^2 C)
                (self.h[1:], self.h[1:], self.o, self.dz[:, :u]),                      # tanh(C) o (1 - o)
                (self.parts, self.parts, self.G[:-1, u:3 * u], self.dz[:, u:3 * u]),   # c~ i (1 - i), and for f
                (self.i, self.parts[:, :u], self.c_tilde, self.dz[:, 3 * u:])):        # i (1 - c~^2)
            np.multiply(b, c, out=out)
            np.subtract(a, out, out=out)

    def dX(self, W):
        """Gradients in x_t, batch first."""
        VT = np.roll(W[:, self.u:], self.u, axis=0).T
        return np.ascontiguousarray((VT @ self.dz).transpose(2, 0, 1))


@dataclass(frozen=True, eq=False)
class Forward:
    """Gates and states of every step, each an array of shape (batch, time, units).

    Attributes
    ----------
    f, i, o : ndarray
        Forget, input and output gate, between 0 and 1.
    c_tilde : ndarray
        Candidate c~_t.
    C, tanh_C, h : ndarray
        Cell state, its tanh, hidden state.
    C_previous, h_previous : ndarray
        C_{t-1} and h_{t-1}, which start with C_0 and h_0.
    X : ndarray of shape (batch, time, features)
    """

    _work: _Work = field(repr=False)

    f = property(lambda self: _rows(self._work.f))
    i = property(lambda self: _rows(self._work.i))
    c_tilde = property(lambda self: _rows(self._work.c_tilde))
    o = property(lambda self: _rows(self._work.o))
    C = property(lambda self: _rows(self._work.C[1:]))
    C_previous = property(lambda self: _rows(self._work.C[:-1]))
    tanh_C = property(lambda self: _rows(self._work.tanh_C))
    h = property(lambda self: _rows(self._work.h[1:]))
    h_previous = property(lambda self: _rows(self._work.h[:-1]))
    X = property(lambda self: _rows(self._work.X))


@dataclass(frozen=True, eq=False)
class Gradients:
    """Gradients of the loss L in the weights, the inputs and every intermediate quantity.

    Attributes
    ----------
    dW, db : ndarray of shape (4 * units, units + features) and (4 * units,)
        In the order i, f, c, o of the layer's W and b.
    dX : ndarray of shape (batch, time, features)
    dh0, dC0 : ndarray of shape (batch, units)
    dh : ndarray of shape (batch, time, units)
        Total derivative dL/dh_t: what comes from above plus what comes from step t + 1 (eq. bptt-hidden).
    do, dC, dc_tilde, di, df : ndarray of shape (batch, time, units)
        dL/do_t = dh tanh(C_t) (eq. bptt-output), the total dL/dC_t (eq. bptt-cell), and dL/dc~_t = dC i_t,
        dL/di_t = dC c~_t, dL/df_t = dC C_{t-1} (eq. bptt-gates): in the gates, after their sigma or tanh.
    dz : ndarray of shape (batch, time, 4 * units)
        In the gates before their sigma or tanh, in the order i, f, c, o (eq. bptt-weights).

    Notes
    -----
    Source: eqs. bptt-hidden, bptt-output, bptt-cell, bptt-gates and bptt-weights of the chapter *lstm*;
    D2-EQ-96 to D2-EQ-101. The article's gradients hold with delta_t = dh, the total derivative; with the gradient
    from above alone they lack what reaches h_t through the gates of step t + 1.
    """

    dW: np.ndarray
    db: np.ndarray
    dX: np.ndarray
    dh0: np.ndarray
    dC0: np.ndarray
    _result: Forward = field(repr=False)
    _work: _Work = field(repr=False)

    dh = property(lambda self: _rows(self._work.dh))
    dC = property(lambda self: _rows(self._work.dC))
    do = property(lambda self: self.dh * self._result.tanh_C)
    dc_tilde = property(lambda self: self.dC * self._result.i)
    di = property(lambda self: self.dC * self._result.c_tilde)
    df = property(lambda self: self.dC * self._result.C_previous)
    dz = property(lambda self: np.roll(_rows(self._work.dz), -self._work.u, axis=2))

    def to_keras(self):
        """Gradients in kernel, recurrent kernel and bias of a Keras LSTM layer."""
        return _keras(self.dW, self.db)


def _rows(columns):
    """(time, units, batch) seen as (batch, time, units), read only."""
    view = columns.transpose(2, 0, 1)
    view.flags.writeable = False
    return view


def _block(array, gate):
    u, k = len(array) // 4, GATES.index(gate)
    return array[k * u:(k + 1) * u]


def _keras(W, b):
    u = len(b) // 4
    return np.ascontiguousarray(W[:, u:].T), np.ascontiguousarray(W[:, :u].T), b.copy()


def _sigma(z):
    return (1 + np.tanh(z / 2)) / 2


# ----------------------------------------------------------------------------------------------------------
# How far a gradient travels
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class CellGradients:
    """dC_T/dC_s of one sequence, for s = 1..T.

    Attributes
    ----------
    product : ndarray of shape (time, units)
        f_{s+1} f_{s+2} ... f_T of each unit: the derivative along the cell state alone, with the gates held fixed.
    direct : ndarray of shape (time,)
        Spectral norm of this diagonal matrix, its largest entry.
    jacobian : ndarray of shape (time, units, units)
        The whole derivative dC_T/dC_s, in which C_s also acts on later gates through h_s.
    full : ndarray of shape (time,)
        Spectral norm of the jacobian.
    """

    product: np.ndarray
    direct: np.ndarray
    jacobian: np.ndarray
    full: np.ndarray


def cell_gradient_norms(lstm, x, h0=None, C0=None):
    """How much of a gradient in the last cell state C_T reaches each earlier one.

    Parameters
    ----------
    lstm : LSTM
    x : array_like of shape (time, features)
        One sequence.
    h0, C0 : array_like of shape (units,), default zeros

    Returns
    -------
    CellGradients

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Along the cell state alone dC_t/dC_{t-1} = f_t, so dC_T/dC_s is the product of the forget gates after s.
    Source: eq. cell-highway of the chapter *lstm*; D2-NUM-51, D2-EQ-98. The whole derivative takes one backward
    pass per unit, all of them in one batch.
    """
    x, u = _array("x", x, lstm.dtype, 2), lstm.units
    start = [None if value is None else np.tile(_array(name, value, lstm.dtype, 1), (u, 1))
             for name, value in (("h0", h0), ("C0", C0))]
    result = lstm.forward(np.tile(x, (u, 1, 1)), *start)
    f = result.f[0]
    product = np.ones_like(f)
    product[:-1] = np.cumprod(f[:0:-1], axis=0)[::-1]
    jacobian = lstm.backward(result, np.zeros((u, u)), dC=np.eye(u)).dC.transpose(1, 0, 2)
    return CellGradients(product, product.max(axis=1), jacobian, np.linalg.norm(jacobian, 2, axis=(1, 2)))


# ----------------------------------------------------------------------------------------------------------
# Series
# ----------------------------------------------------------------------------------------------------------

def sequences(series, lags):
    """Windows of a series and the value that follows each of them.

    Parameters
    ----------
    series : array_like of shape (n,)
        Values in order of time, without gaps.
    lags : int, 1 <= lags < n

    Returns
    -------
    X : ndarray of shape (n - lags, lags)
        Row t holds the values t .. t + lags - 1, the oldest first.
    y : ndarray of shape (n - lags,)
        The value t + lags, which is in no earlier row of X.

    Raises
    ------
    ValueError
        If the series is too short, not finite or not one-dimensional, or lags is no integer >= 1.
    """
    series, lags = _array("series", series, np.float64, 1), integer("lags", lags)
    if lags >= len(series):
        raise ValueError(f"lags must be smaller than the length of the series {len(series)}, got {lags}")
    windows = np.lib.stride_tricks.sliding_window_view(series, lags + 1)
    return windows[:, :-1].copy(), windows[:, -1].copy()


def forecast(model, history, horizon):
    """Forecasts of the next values of a series, each from the values before it, known or forecast.

    Parameters
    ----------
    model : estimator
        Fitted to the windows of `sequences`; any regressor with `predict` and `n_features_in_`.
    history : array_like of shape (n,), n >= lags
        The series up to now.
    horizon : int, >= 1
        Number of values to forecast.

    Returns
    -------
    ndarray of shape (horizon,)

    Raises
    ------
    ValueError
        If the history is shorter than the windows of the model, not finite, or horizon is no integer >= 1.
    """
    check_is_fitted(model)
    history, horizon = _array("history", history, np.float64, 1), integer("horizon", horizon)
    lags = model.n_features_in_
    if len(history) < lags:
        raise ValueError(f"history must have at least the model's {lags} lags, got {len(history)} values")
    values = np.r_[history[len(history) - lags:], np.empty(horizon)]
    for t in range(horizon):
        values[lags + t] = model.predict(values[None, t:lags + t])[0]
    return values[lags:]


# ----------------------------------------------------------------------------------------------------------
# The regressor
# ----------------------------------------------------------------------------------------------------------

class LSTMRegressor(RegressorMixin, BaseEstimator):
    """Regression on sequences: an LSTM layer, and a linear output on its last hidden state.

    Inputs and target are standardised with the means and standard deviations of the training rows (each feature
    over all of its steps), and predictions come out on the target's own scale.

    Parameters
    ----------
    units : int, default=16
        Number of LSTM cells.
    epochs : int, default=200
        Largest number of passes over the training rows.
    batch_size : int, default=32
        Rows of a step of gradient descent, drawn in random order in each epoch.
    learning_rate : float, default=1e-2
        Step size eta of Adam.
    clip_norm : float, default=1.0
        Largest norm of the gradient of all parameters together; a longer one is shortened to it. `inf` for none.
    validation_fraction : float, 0 <= validation_fraction < 1, default=0.2
        Share of the rows, the last ones, since order is time, that is kept for early stopping.
    patience : int, default=50
        Training ends when the validation loss has not improved for so many epochs.
    l2 : float, default=0.0
        Penalty weight ell of half the sum of squared weights (not of the intercepts).
    random_state : int, RandomState instance or None, default=None
        Draws the initial weights and the order of the rows.

    Attributes
    ----------
    lstm_ : LSTM
    coef_, intercept_ : ndarray of shape (units,), float
        Linear output, on the standardised scale.
    loss_curve_ : list of float
        Mean loss of the batches of each epoch: half the mean squared error, standardised, with the penalty.
    validation_curve_ : list of float
        Half the mean squared error on the validation rows after each epoch, standardised; if there are no
        validation rows, on the training rows with the penalty.
    best_epoch_ : int
        Position of the smallest value of `validation_curve_`, whose weights the fitted model has.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of steps of a sequence (columns of a two-dimensional X).

    Notes
    -----
    Source: eqs. lstm-hidden and bptt-weights of the chapter *lstm*; D2-EQ-27 to D2-EQ-32, D3-EQ-21 to D3-EQ-26.
    """

    def __init__(self, units=16, *, epochs=200, batch_size=32, learning_rate=1e-2, clip_norm=1.0,
                 validation_fraction=0.2, patience=50, l2=0.0, random_state=None):
        self.units = units
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.clip_norm = clip_norm
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.l2 = l2
        self.random_state = random_state

    def fit(self, X, y):
        """Fit to the rows of X, which are in order of time.

        Parameters
        ----------
        X : array_like of shape (n, time) or (n, time, features)
            In two dimensions, each column is a step of one feature.
        y : array_like of shape (n,)

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, the data are not finite, or no epoch ends with a finite loss.
        """
        self._check_parameters()
        X, y = validate_data(self, X, y, dtype=np.float64, allow_nd=True, y_numeric=True)
        X = self._steps(X)
        y = y.astype(np.float64)
        rng = check_random_state(self.random_state)
        split = len(X) - int(self.validation_fraction * len(X))
        self._mean, self._scale = X[:split].mean(axis=(0, 1)), _scale(X[:split], axis=(0, 1))
        self._y_mean, self._y_scale = y[:split].mean(), _scale(y[:split])
        X, y = self._standardise(X), (y - self._y_mean) / self._y_scale
        lstm = LSTM.random(self.units, X.shape[1], rng)
        limit = np.sqrt(6 / (self.units + 1))
        training = _Training(lstm, rng.uniform(-limit, limit, self.units), 0.0, self.learning_rate, self.clip_norm,
                             self.l2)
        self._descend(training, X, y, split, rng)
        if not np.isfinite(self.validation_curve_[self.best_epoch_]):
            raise ValueError("learning_rate must be small enough for a finite loss in at least one epoch, got "
                             f"{self.learning_rate!r}")
        self.lstm_ = LSTM(training.W, training.b)
        self.coef_, self.intercept_ = training.v.copy(), float(training.c[0])
        return self

    def _descend(self, training, X, y, split, rng):
        """Epochs until patience ends; leaves the parameters of the best epoch in `training`."""
        held_out = slice(split, None) if split < len(y) else slice(None)
        self.loss_curve_, self.validation_curve_ = [], []
        best = np.inf
        self.best_epoch_, theta = 0, training.theta.copy()
        for epoch in range(self.epochs):
            order = rng.permutation(split)
            batches = [order[k:k + self.batch_size] for k in range(0, split, self.batch_size)]
            losses = [len(rows) * training.step(X[..., rows], y[rows]) for rows in batches]
            self.loss_curve_.append(sum(losses) / split)
            error = training.predict(X[..., held_out]) - y[held_out]
            penalty = 0.0 if split < len(y) else training.penalty()
            self.validation_curve_.append(float(np.mean(error**2) / 2 + penalty))
            if self.validation_curve_[-1] < best:
                best, self.best_epoch_, theta = self.validation_curve_[-1], epoch, training.theta.copy()
            if epoch - self.best_epoch_ >= self.patience:
                break
        self.n_iter_ = len(self.loss_curve_)
        training.theta[:] = theta

    def predict(self, X):
        """Predictions for sequences.

        Parameters
        ----------
        X : array_like of shape (n, time) or (n, time, features)

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self)
        X = self._steps(validate_data(self, X, dtype=np.float64, allow_nd=True, reset=False))
        if X.shape[2] != self.lstm_.features:
            raise ValueError(f"X must have {self.lstm_.features} features in each step, got {X.shape[2]}")
        training = _Training(self.lstm_, self.coef_, self.intercept_)
        return training.predict(self._standardise(X)) * self._y_scale + self._y_mean

    def _check_parameters(self):
        for name in ("units", "epochs", "batch_size", "patience"):
            integer(name, getattr(self, name))
        number("learning_rate", self.learning_rate, above=0)
        number("clip_norm", self.clip_norm, above=0, below=None)
        number("validation_fraction", self.validation_fraction, least=0, below=1)
        number("l2", self.l2, least=0)

    def _steps(self, X):
        X = X[..., None] if X.ndim == 2 else X
        if X.ndim != 3 or min(X.shape) < 1:
            raise ValueError(f"X must have shape (n, time) or (n, time, features), none of them 0, got {X.shape}")
        return X

    def _standardise(self, X):
        """Standardised, time first: (time, features, n)."""
        return np.ascontiguousarray(((X - self._mean) / self._scale).transpose(1, 2, 0))


class _Training:
    """Gradient descent by Adam for an LSTM layer and a linear output v.h_T + c, in place on one vector theta."""

    def __init__(self, lstm, v, c, learning_rate=1e-3, clip_norm=np.inf, l2=0.0):
        self.units, self.features, self.dtype = lstm.units, lstm.features, lstm.dtype
        self.clip_norm, self.l2 = clip_norm, l2
        self.theta = np.concatenate([lstm.W.ravel(), lstm.b, v, [c]]).astype(self.dtype)
        self.gradient = np.empty_like(self.theta)
        self.W, self.b, self.v, self.c = self._split(self.theta)
        self.adam = _Adam(self.theta, learning_rate)
        self.works = {}

    def _split(self, theta):
        u, d = self.units, self.features
        W, b, v, c = np.split(theta, np.cumsum([4 * u * (u + d), 4 * u, u]))
        return W.reshape(4 * u, u + d), b, v, c

    def _work(self, time, batch):
        if (time, batch) not in self.works:
            work = self.works[time, batch] = _Work(self.units, self.features, time, batch, self.dtype)
            work.h[0] = work.C[0] = 0
        return self.works[time, batch]

    def predict(self, X, batch=256):
        """Outputs for X of shape (time, features, n)."""
        outputs = np.empty(X.shape[2], self.dtype)
        for k in range(0, len(outputs), batch):
            outputs[k:k + batch] = self._forward(X[..., k:k + batch])[1]
        return outputs

    def _forward(self, X):
        work = self._work(X.shape[0], X.shape[2])
        work.X[:] = X
        work.forward(self.W, self.b)
        return work, self.v @ work.h[-1] + self.c

    def loss_and_gradient(self, X, y):
        """Half the mean squared error with the penalty; its gradient goes to `gradient`."""
        work, output = self._forward(X)
        error = (output - y) / len(y)
        dW, db, dv, dc = self._split(self.gradient)
        work.dh[-1] = np.multiply.outer(self.v, error)
        dW[:], db[:] = work.backward(self.W, every_step=False)
        np.matmul(work.h[-1], error, out=dv)
        dc[:] = error.sum()
        loss = error @ error * len(y) / 2
        if self.l2:
            loss += self.penalty()
            dW += self.l2 * self.W
            dv += self.l2 * self.v
        return float(loss)

    def penalty(self):
        """Half of ell times the sum of squared weights."""
        return self.l2 / 2 * ((self.W**2).sum() + self.v @ self.v)

    def step(self, X, y):
        """One step on a batch; its loss before the step."""
        loss = self.loss_and_gradient(X, y)
        _clip(self.gradient, self.clip_norm)
        self.adam.step(self.theta, self.gradient)
        return loss


class _Adam:
    """Adam with its usual constants: theta -= eta m^ / (sqrt(v^) + eps), with the bias-corrected moments."""

    def __init__(self, theta, learning_rate, beta1=0.9, beta2=0.999, eps=1e-8):
        self.learning_rate, self.beta1, self.beta2, self.eps = learning_rate, beta1, beta2, eps
        self.m, self.v, self.change = np.zeros((3, *theta.shape), theta.dtype)
        self.t = 0

    def step(self, theta, gradient):
        self.t += 1
        m, v, change = self.m, self.v, self.change
        m *= self.beta1
        m += np.multiply(gradient, 1 - self.beta1, out=change)
        v *= self.beta2
        np.multiply(gradient, gradient, out=change)
        v += np.multiply(change, 1 - self.beta2, out=change)
        np.sqrt(np.multiply(v, 1 / (1 - self.beta2**self.t), out=change), out=change)
        change += self.eps
        np.divide(m, change, out=change)
        theta -= np.multiply(change, self.learning_rate / (1 - self.beta1**self.t), out=change)


def _clip(gradient, clip_norm):
    """Shorten the gradient, in place, to the norm `clip_norm` if it is longer."""
    norm = np.sqrt(gradient @ gradient)
    if norm > clip_norm:
        gradient *= clip_norm / norm


# ----------------------------------------------------------------------------------------------------------
# Validation
# ----------------------------------------------------------------------------------------------------------

def _scale(values, axis=None):
    """Standard deviations; 1 where all values are equal, for rounding can make the deviation of these 1e-17."""
    deviation = values.std(axis=axis)
    return np.where((np.ptp(values, axis=axis) > 0) & (deviation > 0), deviation, 1.0)


def _array(name, value, dtype, ndim):
    try:
        array = np.asarray(value, dtype=dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {type(value).__name__}") from None
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension{'s' * (ndim > 1)}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {array[~np.isfinite(array)][0]}")
    return array
