"""A function of the benchmark in a Keras network, with JAX behind it.

    python examples/keras_network.py

It needs ``pip install keras 'act-bench[jax]' scikit-learn``, and takes some seconds. With
``KERAS_BACKEND=torch`` the same is done with ``to_torch()``.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from sklearn.datasets import load_digits

import act_bench

EXPRESSION = act_bench.parse("max(relu(x),tanh(x))")
ACTIVATION = EXPRESSION.to_jax() if keras.backend.backend() == "jax" else EXPRESSION.to_torch()


@keras.saving.register_keras_serializable(package="act_bench")
def activation(x: object) -> object:
    """Return the function of a tensor; registered, so that the network can be saved."""
    return ACTIVATION(x)


def main() -> None:
    """Train on digits, and print the accuracy on those that were not trained on."""
    keras.utils.set_random_seed(0)
    images, labels = load_digits(return_X_y=True)
    network = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(64, activation=activation),
            keras.layers.Dense(64, activation=activation),
            keras.layers.Dense(10),
        ]
    )
    network.compile(
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    network.fit(images[:1200] / 16, labels[:1200], epochs=10, batch_size=64, verbose=0)
    _, accuracy = network.evaluate(images[1200:] / 16, labels[1200:], verbose=0)
    print(f"accuracy on 597 further digits: {accuracy:.3f}")


if __name__ == "__main__":
    main()
