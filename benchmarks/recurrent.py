"""`bizai.recurrent` against Keras and, where it is installed, PyTorch: one step of training an LSTM.

A step is the forward pass, the gradients by backpropagation through all steps of time and an Adam update, from the
same weights on the same batch; every row compares CPU seconds of one thread, measured in the same run. Both sides
work in float32, the peers' default, and then both in float64, ours. Most of a step is spent in matrix products, so
the ratios depend on the kernels that NumPy's OpenBLAS chooses: where it does not know a processor with AVX-512 and
takes its kernels for Haswell, the environment variable OPENBLAS_CORETYPE=SkylakeX takes a third off our time.
"""

import os
from functools import partial
from importlib.util import find_spec

import numpy as np

from bizai.recurrent import LSTM, _Training

from .peers import take_turns

SEED = 2024
BATCH, TIME, UNITS, FEATURES = 32, 50, 64, 8
STEPS, ROUNDS = 10, 30
LEARNING_RATE = 1e-3


def problem(dtype):
    """Keras' kernel, recurrent kernel and bias, output weights, a batch and its target."""
    rng = np.random.default_rng(SEED)
    weights = [w.astype(dtype) for w in LSTM.random(UNITS, FEATURES, SEED).to_keras()]
    v = rng.uniform(-0.3, 0.3, (UNITS, 1)).astype(dtype)
    X, y = rng.standard_normal((BATCH, TIME, FEATURES)), rng.standard_normal((BATCH, 1))
    return weights, v, X.astype(dtype), y.astype(dtype)


def ours(dtype):
    """A function that trains by `STEPS` steps, and the outputs and gradients before the first of them."""
    weights, v, X, y = problem(dtype)
    training = _Training(LSTM.from_keras(*weights, dtype), v[:, 0], 0.0, LEARNING_RATE)
    X, y = X.transpose(1, 2, 0), y[:, 0]
    outputs = training.predict(X)
    training.loss_and_gradient(X, y)
    dW, _, _, _ = training._split(training.gradient.copy())

    def train():
        for _ in range(STEPS):
            training.step(X, y)

    return train, outputs, dW


def keras(dtype, jit=False, unroll=False):
    """The same by Keras, the step compiled by tf.function, with XLA if `jit`; time is no loop if `unroll`."""
    import keras as k
    import tensorflow as tf

    weights, v, X, y = problem(dtype)
    model = k.Sequential([k.Input((TIME, FEATURES), dtype=dtype), k.layers.LSTM(UNITS, dtype=dtype, unroll=unroll),
                          k.layers.Dense(1, dtype=dtype)])
    model.set_weights([*weights, v, np.zeros(1, dtype)])
    X, y, variables = tf.constant(X), tf.constant(y), model.trainable_variables
    optimizer = k.optimizers.Adam(LEARNING_RATE)
    optimizer.build(variables)

    def loss_gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X, training=True) - y)**2) / 2
        return loss, tape.gradient(loss, variables)

    @tf.function(jit_compile=jit)
    def step():
        loss, gradients = loss_gradient()
        optimizer.apply(gradients, variables)
        return loss

    outputs, gradients = model(X).numpy()[:, 0], [g.numpy() for g in loss_gradient()[1]]

    def train():
        for _ in range(STEPS):
            step().numpy()

    train()                                                 # compiles
    return train, outputs, np.vstack([gradients[1], gradients[0]]).T


def torch(dtype):
    """The same by PyTorch."""
    import torch as t

    t.set_num_threads(1)
    weights, v, X, y = problem(dtype)
    lstm, dense = t.nn.LSTM(FEATURES, UNITS, batch_first=True), t.nn.Linear(UNITS, 1)
    arrays = weights[0].T, weights[1].T, weights[2], np.zeros(4 * UNITS), v.T, np.zeros(1)
    modules = t.nn.ModuleList([lstm, dense]).to(getattr(t, np.dtype(dtype).name))
    lstm.bias_hh_l0.requires_grad = False                   # Keras and we have one bias
    with t.no_grad():
        for parameter, array in zip(modules.parameters(), arrays):
            parameter.copy_(t.tensor(array))
    X, y = t.tensor(X), t.tensor(y)
    optimizer = t.optim.Adam([p for p in modules.parameters() if p.requires_grad], LEARNING_RATE)

    def loss():
        return ((dense(lstm(X)[0][:, -1]) - y)**2).mean() / 2

    def train():
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss().backward()
            optimizer.step()

    outputs = dense(lstm(X)[0][:, -1]).detach().numpy()[:, 0]
    loss().backward()
    dW = np.hstack([lstm.weight_hh_l0.grad.numpy(), lstm.weight_ih_l0.grad.numpy()])
    train()
    return train, outputs, dW


def openblas_kernels():
    """Names of the processors whose kernels the loaded OpenBLAS libraries use."""
    from threadpoolctl import threadpool_info

    return ", ".join({library["architecture"] for library in threadpool_info() if "architecture" in library})


def compare(name, peers):
    """Rows of one precision; `peers` are triples of name, least ratio or None, and a function like `ours`."""
    functions = [function(name) for function in (ours, *(function for _, _, function in peers))]
    (_, outputs, dW), *theirs = functions
    (seconds, *peer_seconds), _ = take_turns([train for train, _, _ in functions], ROUNDS)
    for (peer, least, _), (_, their_outputs, their_dW), time in zip(peers, theirs, peer_seconds):
        ratio = time / seconds
        differences = abs(outputs - their_outputs).max(), abs(dW - their_dW).max() / abs(dW).max()
        yield {
            "benchmark": f"LSTM, one training step in {name}: batch {BATCH}, {TIME} steps, {UNITS} units, "
                         f"CPU seconds (OpenBLAS kernels: {openblas_kernels()})",
            "peer": peer,
            "ratio": ratio,
            "quality": "{:.2f} ms, peer {:.2f} ms; outputs differ by at most {:.0e}, weight gradients by {:.0e} "
                       "of the largest".format(seconds / STEPS * 1e3, time / STEPS * 1e3, *differences),
            "target": f"{f'>= {least} x, ' if least else ''}same outputs and gradients to 1e-5",
            "met": bool(max(differences) <= 1e-5 and ratio >= (least or 0)),
        }


def rows():
    """One row per precision and peer; PyTorch only where it is installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:                        # TensorFlow runs already, with the threads it was given
        pass
    single = [("keras, tf.function", 1.43, keras), ("keras, tf.function with XLA", None, partial(keras, jit=True)),
              ("keras, tf.function, unrolled", None, partial(keras, unroll=True))]
    double = [("keras, tf.function", None, keras)]
    if find_spec("torch"):
        single.append(("torch", 0.91, torch))
        double.append(("torch", None, torch))
    yield from compare("float32", single)
    yield from compare("float64", double)
