"""A function of the benchmark in a Flax network, trained for some steps.

    python examples/flax_network.py

It needs ``pip install flax optax 'act-bench[jax]' scikit-learn``, and takes some seconds.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from sklearn.datasets import load_digits

import act_bench

ACTIVATION = act_bench.parse("max(relu(x),tanh(x))").to_jax()


class Network(nn.Module):
    """Two hidden layers with the function, which is given to Flax as any other is."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Return ten logits per row."""
        for width in (64, 64):
            x = ACTIVATION(nn.Dense(width)(x))
        return nn.Dense(10)(x)


def main() -> None:
    """Train on digits, and print the accuracy on those that were not trained on."""
    images, labels = load_digits(return_X_y=True)
    x, y = jnp.asarray(images / 16, jnp.float32), jnp.asarray(labels)
    network, optimizer = Network(), optax.sgd(0.2, momentum=0.9)
    weights = network.init(jax.random.key(0), x[:1])
    state = optimizer.init(weights)

    @jax.jit
    def step(weights, state):
        def loss(weights):
            logits = network.apply(weights, x[:1200])
            return optax.softmax_cross_entropy_with_integer_labels(logits, y[:1200]).mean()

        updates, after = optimizer.update(jax.grad(loss)(weights), state)
        return optax.apply_updates(weights, updates), after

    for _ in range(100):
        weights, state = step(weights, state)
    right = network.apply(weights, x[1200:]).argmax(axis=1) == y[1200:]
    print(f"accuracy on 597 further digits: {right.mean():.3f}")


if __name__ == "__main__":
    main()
