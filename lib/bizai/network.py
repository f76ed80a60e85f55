"""Dense neural networks: forward pass, back-propagation, softmax, Adam, and the check by finite differences.

Symbols are those of the chapter *backpropagation*: layers l = 1..L with weights W^(l), biases b^(l), scores
z^(l), values a^(l) = g(z^(l)), a^(0) = x, and errors delta^(l) = dL/dz^(l) of each example; m rows in a batch. A
batch is a matrix whose ROWS are examples, so that W^(l) has the shape (units of layer l-1, units of layer l) and
Z^(l) = A^(l-1) W^(l) + b^(l). The articles write an example as a column, z = W a + b: their W is the transpose of
ours. In lists, `weights[0]`, `z[0]` and `delta[0]` belong to layer 1, `a[0]` is the input X.
"""

import math
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, validate_data

from ._check import integer, number

__all__ = [
    "Adam", "Backward", "Forward", "GradientCheck", "MLPClassifier", "MLPRegressor", "backward", "batch_loss",
    "delta_norms", "forward", "gradient_check", "initial_parameters", "objective", "softmax", "softmax_jacobian",
    "unpack",
]


# ----------------------------------------------------------------------------------------------------------
# Softmax and activations
# ----------------------------------------------------------------------------------------------------------

def softmax(z):
    """Probabilities exp(z_k) / sum_j exp(z_j) along the last axis.

    Parameters
    ----------
    z : array_like of float, shape (..., K)

    Returns
    -------
    ndarray of float, shape (..., K)
        Each row sums to 1; the largest entry is subtracted first, so that nothing overflows.

    Notes
    -----
    Source: eq. softmax-jacobian of the chapter *backpropagation*; D2-EQ-23.
    """
    z = np.asarray(z, dtype=float)
    p = np.exp(z - z.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return p


def softmax_jacobian(z):
    """Derivatives dp_j/dz_k of p = softmax(z): diag(p) - p p'.

    Parameters
    ----------
    z : array_like of float, shape (..., K)

    Returns
    -------
    ndarray of float, shape (..., K, K)
        Symmetric, every row sums to 0, not diagonal: the elementwise g'(z) of D2-EQ-92 does not exist for softmax.

    Notes
    -----
    Source: eq. softmax-jacobian of the chapter *backpropagation*; D2-EQ-23, D2-EQ-92.
    """
    p = softmax(z)
    return p[..., :, None] * np.eye(p.shape[-1]) - p[..., :, None] * p[..., None, :]


def _logistic(z):
    from scipy.special import expit

    return expit(z)


# name: (g, g' as a function of a = g(z))
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda a: a > 0),
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "logistic": (_logistic, lambda a: a * (1 - a)),
    "identity": (lambda z: z, lambda a: np.ones_like(a)),
}
OUTPUTS = {"softmax": softmax, "logistic": _logistic, "identity": lambda z: z}


def _one_of(name, given, allowed):
    if not (isinstance(given, str) and given in allowed):
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {given!r}")


def _fitting(Y, z):
    """Refuse targets that NumPy would silently broadcast."""
    if np.shape(Y) != z.shape or not len(z):
        raise ValueError(f"Y must have at least one row and the shape {z.shape} of the output, got {np.shape(Y)}")


# ----------------------------------------------------------------------------------------------------------
# Forward and back-propagation
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True, eq=False)
class Forward:
    """A forward pass: `z` of layers 1..L, and `a` of layers 0..L, where a[0] is X and a[-1] the prediction."""

    z: list
    a: list


@dataclass(frozen=True, eq=False)
class Backward:
    """A backward pass: `delta` (per example, without 1/m), `dW` and `db` (of the mean loss) of layers 1..L."""

    delta: list
    dW: list
    db: list


def forward(weights, biases, X, activation="relu", output="softmax"):
    """All layers of the network for a batch: Z^(l) = A^(l-1) W^(l) + b^(l), A^(l) = g(Z^(l)).

    Parameters
    ----------
    weights, biases : lists of ndarray, shapes (units of layer l-1, units of layer l) and (units of layer l,)
    X : ndarray of float, shape (m, d)
    activation : {"relu", "tanh", "logistic", "identity"}
        g of the hidden layers.
    output : {"softmax", "logistic", "identity"}
        g of the last layer.

    Returns
    -------
    Forward

    Raises
    ------
    ValueError
        If a name is not one of these, or X does not fit the weights.

    Notes
    -----
    Source: eqs. layer-forward and layer-activation of the chapter *backpropagation*; D2-EQ-05, D2-EQ-89,
    D2-EQ-90.
    """
    _one_of("activation", activation, ACTIVATIONS)
    _one_of("output", output, OUTPUTS)
    if np.ndim(X) != 2 or X.shape[1] != len(weights[0]):
        raise ValueError(f"X must have the shape (m, {len(weights[0])}), got {np.shape(X)}")
    g, z, a = ACTIVATIONS[activation][0], [], [X]
    for W, b in zip(weights, biases):
        z.append(a[-1] @ W)
        z[-1] += b
        a.append(g(z[-1]) if len(z) < len(weights) else OUTPUTS[output](z[-1]))
    return Forward(z, a)


def batch_loss(z, Y, output="softmax"):
    """J, the mean over the batch of each example's loss, from the last layer's z.

    Parameters
    ----------
    z, Y : ndarray of float, shape (m, K)
        Inputs of the last layer, and targets: one row of 0s and a 1 each (softmax), 0 or 1 (logistic) or numbers.
    output : {"softmax", "logistic", "identity"}
        Cross-entropy, cross-entropy of each column, or half the squared error.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If Y has another shape than z, or there is no row.

    Notes
    -----
    Source: eq. batch-loss of the chapter *backpropagation*; D2-EQ-91. Softmax and logarithm are taken together
    (log-sum-exp), so that no probability has to be rounded to 0 and no logarithm of 0 taken.
    """
    return _predicted_and_lost(z, Y, output)[1]


def _predicted_and_lost(z, Y, output):
    """a^(L) and J, which share their exponentials."""
    _one_of("output", output, OUTPUTS)
    _fitting(Y, z)
    if output == "softmax":
        z = z - z.T.copy().max(axis=0)[:, None]             # columns: three times as fast as max(axis=1)
        a = np.exp(z)
        total = a @ np.ones(a.shape[1])
        a /= total[:, None]
        lost = np.log(total).sum() - np.vdot(Y, z)
    elif output == "logistic":
        a = _logistic(z)
        lost = (np.log1p(np.exp(-abs(z))) + (np.maximum(z, 0) - Y * z)).sum()
    else:
        a = z
        lost = 0.5 * ((z - Y) ** 2).sum()
    return a, float(lost) / len(z)


def backward(weights, passed, Y, activation="relu", out=None):
    """Gradients of the mean loss with respect to every weight and bias, by back-propagation.

    Parameters
    ----------
    weights : list of ndarray
    passed : Forward
        What `forward` returned for these weights.
    Y : ndarray of float, shape (m, K)
        Targets as in `batch_loss`; each output function goes with its own loss, so that delta^(L) = a^(L) - y.
    activation : str
        As given to `forward`.
    out : pair of lists of ndarray, optional
        Where to write dW and db.

    Returns
    -------
    Backward

    Raises
    ------
    ValueError
        If Y has another shape than the prediction, or there is no row.

    Notes
    -----
    Source: eqs. output-delta, softmax-delta, hidden-delta, weight-gradient and bias-gradient of the chapter
    *backpropagation*; D2-EQ-92 to D2-EQ-95, D2-PROC-09. 1/m stands in the gradients and nowhere else; the
    recursion goes down to layer 1, the first that has weights (D2-EQ-93 stops at 2).
    """
    _one_of("activation", activation, ACTIVATIONS)
    _fitting(Y, passed.a[-1])
    slope, a, m = ACTIVATIONS[activation][1], passed.a, len(Y)
    delta = [a[-1] - Y]
    for l in range(len(weights) - 1, 0, -1):
        below = delta[0] @ weights[l].T
        if activation != "identity":
            below *= slope(a[l])
        delta.insert(0, below)
    dW, db = out or ([np.empty_like(W) for W in weights], [np.empty(W.shape[1]) for W in weights])
    share = np.full(m, 1 / m)
    for l, error in enumerate(delta):
        np.matmul(a[l].T, error, out=dW[l])
        dW[l] /= m
        np.matmul(share, error, out=db[l])
    return Backward(delta, dW, db)


def delta_norms(passed_back):
    """Root mean square of delta^(l) over examples and units, for l = 1..L: what arrives of the output's error.

    Parameters
    ----------
    passed_back : Backward

    Returns
    -------
    ndarray of float, shape (L,)

    Notes
    -----
    Source: eq. vanishing-product of the chapter *backpropagation*; D2-EQ-93.
    """
    return np.array([np.sqrt(np.mean(delta**2)) for delta in passed_back.delta])


# ----------------------------------------------------------------------------------------------------------
# One vector of parameters
# ----------------------------------------------------------------------------------------------------------

def initial_parameters(sizes, activation="relu", random_state=None):
    """Random start: weights and biases uniform within sqrt(6 / (units below + units above)), Glorot's rule.

    Parameters
    ----------
    sizes : sequence of int
        Features, units of each hidden layer, outputs.
    activation : str
        For "logistic" the 6 is a 2.
    random_state : None, int or numpy.random.RandomState

    Returns
    -------
    ndarray of float, shape (number of parameters,)
        theta: all weights, layer after layer, then all biases (`unpack` gives them their shapes).

    Notes
    -----
    Source: eq. vanishing-product of the chapter *backpropagation*; scikit-learn draws the same numbers in the same
    order, so that equal seeds start both from equal weights.
    """
    rng, theta = check_random_state(random_state), np.empty(_count(sizes))
    weights, biases = unpack(theta, sizes)
    for W, b in zip(weights, biases):
        bound = math.sqrt((2 if activation == "logistic" else 6) / sum(W.shape))
        W[:] = rng.uniform(-bound, bound, W.shape)
        b[:] = rng.uniform(-bound, bound, b.shape)
    return theta


def unpack(theta, sizes):
    """Lists of weights and of biases that are views of the vector theta, as `initial_parameters` orders it."""
    if np.shape(theta) != (_count(sizes),):
        raise ValueError(f"theta must have the shape {(_count(sizes),)} for sizes {sizes}, got {np.shape(theta)}")
    weights, biases, at = [], [], 0
    for rows, columns in zip(sizes, sizes[1:]):
        weights.append(theta[at:at + rows * columns].reshape(rows, columns))
        at += rows * columns
    for columns in sizes[1:]:
        biases.append(theta[at:at + columns])
        at += columns
    return weights, biases


def _count(sizes):
    return sum((rows + 1) * columns for rows, columns in zip(sizes, sizes[1:]))


def objective(theta, sizes, X, Y, activation="relu", output="softmax", l2=0.0):
    """J(theta) + l2/2 |W|^2 and its gradient, for an optimiser or `gradient_check`; biases are not penalised.

    Parameters
    ----------
    theta : ndarray of float, shape (number of parameters,)
        All weights, then all biases, as `initial_parameters` orders them.
    sizes : sequence of int
        Features, units of each hidden layer, outputs.
    X, Y : ndarray of float, shapes (m, d) and (m, K)
    activation, output : str
    l2 : float, >= 0

    Returns
    -------
    float, ndarray of float with the shape of theta

    Raises
    ------
    ValueError
        If a name is unknown or a shape does not fit the others.

    Notes
    -----
    Source: eqs. batch-loss, weight-gradient and bias-gradient of the chapter *backpropagation*; D0-EQ-07,
    D0-EQ-12.
    """
    gradient = np.empty_like(theta)
    weights, biases = unpack(theta, sizes)
    passed = forward(weights, biases, X, activation, "identity")
    passed.a[-1], value = _predicted_and_lost(passed.z[-1], Y, output)
    backward(weights, passed, Y, activation, out=unpack(gradient, sizes))
    penalised = theta[:len(theta) - sum(sizes[1:])]
    gradient[:len(penalised)] += l2 * penalised
    return value + 0.5 * l2 * np.dot(penalised, penalised), gradient


class Adam:
    """Adam with bias correction, in place on one vector of parameters.

    Parameters
    ----------
    theta : ndarray of float, shape (p,)
        Changed by every `step`.
    learning_rate : float, > 0
    beta1, beta2 : float, >= 0 and < 1
        Memory of the mean of the gradients and of their squares.
    epsilon : float, > 0

    Notes
    -----
    Source: eq. adam-step of the chapter *backpropagation*; D0-PROC-04. The corrections 1 - beta^t are drawn into
    the step size, as its authors recommend and Keras and scikit-learn do.
    """

    def __init__(self, theta, learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.theta, self.learning_rate, self.epsilon = theta, learning_rate, epsilon
        self.beta1, self.beta2, self.t = beta1, beta2, 0
        self.mean, self.square = np.zeros_like(theta), np.zeros_like(theta)
        self._work = np.empty_like(theta)

    def step(self, gradient):
        """Move theta by one step; `gradient` is overwritten."""
        self.t += 1
        work = np.multiply(gradient, gradient, out=self._work)
        work *= 1 - self.beta2
        self.square *= self.beta2
        self.square += work
        gradient *= 1 - self.beta1
        self.mean *= self.beta1
        self.mean += gradient
        np.sqrt(self.square, out=work)
        work += self.epsilon
        np.divide(self.mean, work, out=work)
        work *= self.learning_rate * math.sqrt(1 - self.beta2**self.t) / (1 - self.beta1**self.t)
        self.theta -= work


class _Sgd:
    """Stochastic gradient descent with momentum, in place: v <- momentum v - eta g, theta <- theta + v."""

    def __init__(self, theta, learning_rate, momentum):
        self.theta, self.learning_rate, self.momentum = theta, learning_rate, momentum
        self.velocity = np.zeros_like(theta)

    def step(self, gradient):
        self.velocity *= self.momentum
        gradient *= self.learning_rate
        self.velocity -= gradient
        self.theta += self.velocity


# ----------------------------------------------------------------------------------------------------------
# Finite differences
# ----------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class GradientCheck:
    """The largest relative `error` and its `index`, with the gradient given and the difference there."""

    error: float
    index: tuple
    analytic: float
    numeric: float


def gradient_check(fun, x, *, step=None, floor=1e-3):
    """Compare a gradient with central finite differences (f(x + h e_k) - f(x - h e_k)) / 2h, entry by entry.

    Parameters
    ----------
    fun : callable
        fun(x) returns the value (float) and the gradient (array with the shape of x).
    x : array_like of float, any shape
    step : float, > 0, optional
        h; by default eps^(1/3) max(1, |x_k|), where truncation and rounding are of the same size (about 1e-10).
    floor : float, > 0
        Entries smaller than `floor` times the largest of |f|, 1 and the gradient's entries are compared with that
        size instead of their own: below it, the rounding of f is all that a difference can see.

    Returns
    -------
    GradientCheck

    Raises
    ------
    ValueError
        If the step is not positive, the gradient has another shape than x, or something is not finite.

    Notes
    -----
    Source: eqs. weight-gradient and bias-gradient of the chapter *backpropagation*; D2-PRF-05. Where f has a kink
    (relu at 0) within h of x, a difference is no derivative.
    """
    x = np.array(x, dtype=float)
    if step is not None and not step > 0:
        raise ValueError(f"step must be a number > 0, got {step!r}")
    value, gradient = fun(x.copy())
    gradient = np.array(gradient, dtype=float)
    if gradient.shape != x.shape:
        raise ValueError(f"fun must return a gradient of the shape {x.shape} of x, got {gradient.shape}")
    numeric = np.empty_like(x)
    for k in np.ndindex(x.shape):
        h = step or np.finfo(float).eps ** (1 / 3) * max(1.0, abs(x[k]))
        ahead, behind = x.copy(), x.copy()
        ahead[k] += h
        behind[k] -= h
        numeric[k] = (fun(ahead)[0] - fun(behind)[0]) / (ahead[k] - behind[k])
    if not (np.isfinite(numeric).all() and np.isfinite(gradient).all()):
        raise ValueError("fun must be finite with a finite gradient around x, got a value that is not")
    size = np.maximum(abs(gradient), abs(numeric))
    errors = abs(gradient - numeric) / np.maximum(size, floor * max(abs(value), 1.0, size.max(initial=0)))
    k = np.unravel_index(np.argmax(errors), x.shape)
    return GradientCheck(float(errors[k]), tuple(map(int, k)), float(gradient[k]), float(numeric[k]))


# ----------------------------------------------------------------------------------------------------------
# Estimators
# ----------------------------------------------------------------------------------------------------------

class _MLP(BaseEstimator):
    """What the classifier and the regressor share."""

    def __init__(self, hidden_layer_sizes=(32,), *, activation="relu", optimizer="adam", learning_rate=1e-3,
                 momentum=0.9, l2=1e-4, batch_size=32, epochs=100, early_stopping=False, validation_fraction=0.1,
                 patience=10, random_state=None):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.l2 = l2
        self.batch_size = batch_size
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state

    def _fit(self, X, Y, labels=None):
        hidden = self._checked()
        rng = check_random_state(self.random_state)
        self._sizes = (X.shape[1], *hidden, Y.shape[1])
        theta = initial_parameters(self._sizes, self.activation, rng)
        held_out = None
        if self.early_stopping:
            X, Y, *held_out = _split(X, Y, labels, self.validation_fraction, rng)
        vars(self).pop("coefs_", None)                      # an estimator whose training diverged is not fitted
        self._train(theta, X, Y, held_out, rng)
        self.coefs_, self.intercepts_ = unpack(theta, self._sizes)
        return self

    def _train(self, theta, X, Y, held_out, rng):
        """Epochs of batches; with rows held out, stop when their loss falls no more, and keep the best weights."""
        adam = self.optimizer == "adam"
        optimizer = Adam(theta, self.learning_rate) if adam else _Sgd(theta, self.learning_rate, self.momentum)
        self.loss_curve_, self.validation_curve_, self.best_epoch_ = [], [], self.epochs
        best, best_theta = np.inf, theta.copy()
        for epoch in range(1, self.epochs + 1):
            order = rng.permutation(len(X))
            X, Y = X[order], Y[order]                       # one gather an epoch: batches are views
            with np.errstate(over="ignore", invalid="ignore"):
                self.loss_curve_.append(self._epoch(optimizer, X, Y))
            if not (math.isfinite(self.loss_curve_[-1]) and np.isfinite(theta).all()):
                raise ValueError(f"training diverged in epoch {epoch}: learning_rate {self.learning_rate} is too "
                                 "large for these features and targets; standardise them or lower it")
            if held_out:
                self.validation_curve_.append(objective(theta, self._sizes, *held_out, *self._functions)[0])
                if self.validation_curve_[-1] < best:
                    best, self.best_epoch_ = self.validation_curve_[-1], epoch
                    best_theta[:] = theta
                elif epoch - self.best_epoch_ >= self.patience:
                    break
        self.n_iter_ = epoch
        if held_out:
            theta[:] = best_theta

    def _epoch(self, optimizer, X, Y):
        """One pass over the rows; the mean of the loss that each batch had before its step."""
        total, m = 0.0, min(self.batch_size, len(X))
        for start in range(0, len(X), m):
            batch = slice(start, start + m)
            value, gradient = objective(optimizer.theta, self._sizes, X[batch], Y[batch], *self._functions,
                                        self.l2)
            total += value * len(X[batch])
            optimizer.step(gradient)
        return total / len(X)

    @property
    def _functions(self):
        return self.activation, self._output

    def _last_layer(self, X):
        check_is_fitted(self, "coefs_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return forward(self.coefs_, self.intercepts_, X, *self._functions).z[-1]

    def _checked(self):
        """The hidden layer sizes as a tuple, once every argument is in its range."""
        sizes = self.hidden_layer_sizes
        hidden = tuple(sizes) if np.iterable(sizes) and not isinstance(sizes, str) else (sizes,)
        if not all(isinstance(size, Integral) and not isinstance(size, (bool, np.bool_)) and size >= 1 for size in hidden):
            raise ValueError("hidden_layer_sizes must be integers >= 1 (none of them: no hidden layer), "
                             f"got {self.hidden_layer_sizes!r}")
        _one_of("activation", self.activation, ACTIVATIONS)
        _one_of("optimizer", self.optimizer, ("adam", "sgd"))
        for name in ("batch_size", "epochs", "patience"):
            integer(name, getattr(self, name))
        number("learning_rate", self.learning_rate, above=0)
        number("l2", self.l2, least=0)
        number("momentum", self.momentum, least=0, below=1)
        number("validation_fraction", self.validation_fraction, above=0, below=1)
        return hidden


def _split(X, Y, labels, fraction, rng):
    """Rows to train on and rows held out, with the same shares of the classes where there are enough of each."""
    from sklearn.model_selection import train_test_split

    held_out = min(max(1, round(fraction * len(X))), len(X) - 1)
    if held_out < 1:
        raise ValueError(f"early_stopping needs at least 2 rows (samples), got {len(X)}")
    if labels is not None:
        counts = np.bincount(labels)
        stratify = counts.min() >= 2 and min(held_out, len(X) - held_out) >= len(counts)
        labels = labels if stratify else None
    X, kept, Y, targets = train_test_split(X, Y, test_size=held_out, random_state=rng, stratify=labels)
    return X, Y, kept, targets


class MLPClassifier(ClassifierMixin, _MLP):
    """Classifier: a dense network with one logistic output (two classes) or softmax (more).

    Standardise the features first: no scaling happens inside.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default (32,)
        Units of each hidden layer; none makes it a linear model.
    activation : {"relu", "tanh", "logistic", "identity"}
        g of the hidden layers.
    optimizer : {"adam", "sgd"}
        Adam, or gradient steps with momentum.
    learning_rate : float, > 0
    momentum : float, >= 0 and < 1
        Of "sgd" alone.
    l2 : float, >= 0
        l2/2 |W|^2 is added to the mean loss; biases are not penalised. (scikit-learn divides its alpha by the
        batch size: alpha = l2 * batch_size.)
    batch_size : int, >= 1
        Rows per step; the last batch of an epoch may be smaller.
    epochs : int, >= 1
        Passes over the rows (the most of them, with early stopping).
    early_stopping : bool
        Hold out `validation_fraction` of the rows, stop after `patience` epochs in which their loss did not fall
        below its least so far, and restore the weights of that best epoch.
    validation_fraction : float, > 0 and < 1
    patience : int, >= 1
    random_state : None, int or numpy.random.RandomState
        Of the start, of the order of the rows and of the split.

    Attributes
    ----------
    coefs_, intercepts_ : lists of ndarray
        W^(l) of shape (units of layer l-1, units of layer l), and b^(l).
    loss_curve_, validation_curve_ : lists of float
        Mean training loss (with penalty) of each epoch, and loss of the rows held out (without).
    n_iter_, best_epoch_ : int
        Epochs run, and the epoch whose weights were kept.
    classes_ : ndarray, shape (K,)

    Notes
    -----
    Source: eqs. layer-forward, layer-activation, batch-loss, softmax-delta and adam-step of the chapter
    *backpropagation*; D2-SYS-37, D2-EQ-05, D2-EQ-23, D0-PROC-04, D0-PROC-05.
    """

    def fit(self, X, y):
        """Train on X (n, d) and labels y (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least 2 classes, got one class: {self.classes_[0]}")
        self._output = "logistic" if len(self.classes_) == 2 else "softmax"
        Y = labels[:, None].astype(float) if len(self.classes_) == 2 else np.eye(len(self.classes_))[labels]
        return self._fit(X, Y, labels)

    def predict_proba(self, X):
        """Probability of each class, shape (n, K); rows sum to 1."""
        z = self._last_layer(X)
        if self._output == "softmax":
            return softmax(z)
        return np.hstack([_logistic(-z), _logistic(z)])

    def predict(self, X):
        """The most probable class of each row, shape (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]


class MLPRegressor(RegressorMixin, _MLP):
    """Regressor: a dense network with identity output and loss half the squared error, mean over rows.

    Standardise features and targets first: no scaling happens inside.
    Parameters, attributes and errors are those of `MLPClassifier`, without `classes_`; y may have several columns.

    Notes
    -----
    Source: eqs. layer-forward, layer-activation, batch-loss, output-delta and adam-step of the chapter
    *backpropagation*; D2-SYS-37, D2-EQ-05.
    """

    _output = "identity"

    def fit(self, X, y):
        """Train on X (n, d) and numbers y (n,) or (n, outputs)."""
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        return self._fit(X, y.reshape(len(y), -1).astype(np.float64))

    def predict(self, X):
        """Predicted numbers, in the shape that y had."""
        z = self._last_layer(X)
        return z[:, 0] if self._flat else z

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
