"""What a recipe is: everything that defines a run except the function and the seed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from act_bench.arguments import plain_fields
from act_bench.errors import ArgumentError

_RANGES: Final[dict[str, tuple[str, Callable[[float], bool]]]] = {
    **dict.fromkeys(
        ("epochs", "batch_size", "evaluations_per_epoch", "widths", "image_size", "train_images",
         "sequence_length", "train_tokens", "evaluation_tokens"),
        ("at least 1", lambda value: value >= 1),
    ),
    **dict.fromkeys(
        ("weight_decay", "warmup_epochs", "cooldown_epochs", "initial_learning_rate",
         "final_learning_rate", "previous_tokens"),
        ("at least 0", lambda value: value >= 0),
    ),
    **dict.fromkeys(
        ("learning_rate", "width", "clip_norm", "adamw_factor"),
        ("above 0", lambda value: value > 0),
    ),
    **dict.fromkeys(
        ("momentum", "second_moment_decay"),
        ("at least 0 and below 1", lambda value: 0 <= value < 1),
    ),
    **dict.fromkeys(
        ("label_smoothing", "target_threshold"), ("from 0 to 1", lambda value: 0 <= value <= 1)
    ),
    "evaluation_crop": ("above 0 and at most 1", lambda value: 0 < value <= 1),
}  # fmt: skip
"""Field -> what its values must be, in words and as a test; None passes where it is allowed."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that defines a training run except the activation function and the seed.

    One flat record serves every table; a field that a network does not use keeps its default.
    Optional fields at their default stay out of the canonical JSON, so a new optional field does
    not rename the recipes that exist. For the same reason a default must never be changed.

    Parameters
    ----------
    table, fidelity
        The table and the fidelity that the recipe fills, for instance ``"mlp"`` and ``"full"``.
    network
        The network to build and the trainer to run it with; see
        ``regenerate.training.dispatch.trainer_of``.
    dataset
        A key of ``regenerate.data.DATA_SETS``, or of ``regenerate.data.text.TEXTS``.
    epochs
        Passes over the training images, or over the training text.
    batch_size
        Images, or sequences of tokens, per step; the last, incomplete batch of an epoch is dropped.
    optimizer, learning_rate, momentum, nesterov, weight_decay, second_moment_decay
        The optimizer; ``learning_rate`` is the peak of the schedule. Weight decay is added to the
        gradient for ``sgd`` and decoupled for ``adamw``, whose moments decay by ``momentum`` and
        ``second_moment_decay`` a step. ``muon`` moves the matrices of linear layers by an
        orthogonalized momentum, and decays them alone; all else is left to ``adamw``.
    widths
        Units of the hidden layers (mlp), or channels of the network's stages, or of each layer, all
        equal (gpt).
    width
        Multiplier of the published network's channels.
    image_size
        Side of the square images in pixels; None leaves the data set's own size.
    train_images
        Images of the training split that are used (its first ones); None uses all.
    schedule, final_learning_rate, cooldown_epochs
        How the learning rate falls after the warm-up: not at all, or to the final one, linearly or
        as half a cosine; there it stays for the last ``cooldown_epochs``. ``steps`` is to a tenth
        after half of the time and to a hundredth after three quarters.
    warmup_epochs, initial_learning_rate
        Epochs over which the learning rate rises linearly from the initial one.
    clip_norm
        Largest Euclidean norm of a run's gradient; None does not clip.
    initialization
        Distribution of the initial weights, biases being 0: ``he`` has variance 2 / fan-in
        (image networks give the first layer 1 / fan-in, its inputs being no activations),
        ``lecun`` 1 / fan-in, ``variance_preserving`` 1 / (fan-in E[f(z)^2]) for standard normal z.
        ``data_dependent`` sets weights and biases so that, over one batch, every channel has mean
        0 and variance 1 before the activation function (``regenerate.training.initialization``).
    augmentation
        What is done to training images; a key of ``regenerate.images.batches.AUGMENTATIONS``.
    dtype
        Floating-point format of training.
    activation
        How the function is evaluated: ``composed`` from operators of torch, or ``tabulated`` over
        all values of bfloat16.
    loss
        ``cross_entropy``, or ``binary_cross_entropy`` over one-hot targets.
    label_smoothing
        Mass moved from the label to the uniform distribution.
    target_threshold
        Shares of classes above it count as 1 and all others as 0, for ``binary_cross_entropy`` of
        mixed images; None leaves them as they are.
    evaluation_crop
        Share of the side in the middle of validation and test images that the network sees.
    evaluations_per_epoch
        How often validation is evaluated within an epoch, at equal distances, the last time at its
        end. The weights do not depend on it; learning curves have a point for each.
    sequence_length
        Tokens of a sequence, for networks of text; None for those of images.
    train_tokens
        Tokens of the training text that are used, in sequences at equal distances; None uses all.
    evaluation_tokens
        The same for validation, for test, and for the training metrics after the last epoch.
    previous_tokens
        To how many tokens before it each token is told by embeddings that are added to its own.
    undefined
        What is trained where a formula gives no number at 0 but the function has a limit there
        (``act_bench.spaces.limits``): the formula as it is written, or the ``limit``.
    adamw_factor
        Under ``muon``: the learning rate of what is left to AdamW, as a multiple of
        ``learning_rate``.

    Examples
    --------
    >>> recipe = Recipe(
    ...     table="mlp", fidelity="full", network="mlp", dataset="digits", epochs=1,
    ...     batch_size=50, optimizer="sgd", learning_rate=0.1, widths=(8, 8),
    ... )
    >>> len(recipe.sha)
    12
    >>> import dataclasses
    >>> recipe.sha == dataclasses.replace(recipe, learning_rate=0.2).sha
    False

    Raises
    ------
    ValueError
        If a field has a value that it cannot have, or warm-up and cooldown leave the learning rate
        no time to fall.
    """

    table: str
    fidelity: str
    network: str
    dataset: str
    epochs: int
    batch_size: int
    optimizer: Literal["sgd", "adamw", "muon"]
    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    widths: tuple[int, ...] = ()
    width: float = 1.0
    image_size: int | None = None
    train_images: int | None = None
    schedule: Literal["constant", "linear", "cosine", "steps"] = "constant"
    warmup_epochs: float = 0.0
    clip_norm: float | None = None
    initialization: Literal["he", "lecun", "variance_preserving", "data_dependent"] = "he"
    augmentation: str = "none"
    dtype: Literal["float64", "float32", "bfloat16"] = "float32"
    activation: Literal["composed", "tabulated"] = "composed"
    loss: Literal["cross_entropy", "binary_cross_entropy"] = "cross_entropy"
    label_smoothing: float = 0.0
    second_moment_decay: float = 0.99
    initial_learning_rate: float = 0.0
    final_learning_rate: float = 0.0
    cooldown_epochs: float = 0.0
    target_threshold: float | None = None
    evaluation_crop: float = 1.0
    evaluations_per_epoch: int = 1
    sequence_length: int | None = None
    train_tokens: int | None = None
    evaluation_tokens: int | None = None
    previous_tokens: int = 0
    adamw_factor: float = 1.0
    undefined: Literal["as_written", "limit"] = "as_written"

    def __post_init__(self) -> None:
        """Refuse values that make no sense, and a learning rate that has no time to fall."""
        plain_fields(self)
        for name, (words, holds) in _RANGES.items():
            value = getattr(self, name)
            for each in value if isinstance(value, tuple) else (value,):
                if each is not None and not holds(each):
                    raise ArgumentError(f"{name} must be {words}, got {each}")
        falling = self.epochs - self.warmup_epochs - self.cooldown_epochs
        if falling <= 0 and self.warmup_epochs < self.epochs:
            raise ArgumentError(
                f"expected warmup_epochs and cooldown_epochs to leave some of {self.epochs} epochs "
                f"for the learning rate to fall; got {self.warmup_epochs:g} and "
                f"{self.cooldown_epochs:g}"
            )

    def checkpoints(self, train_images: int) -> tuple[int, ...]:
        """Return how many training images were seen at each point of a learning curve.

        Parameters
        ----------
        train_images
            Images of the training split that are used.

        Examples
        --------
        >>> from regenerate.recipes import find
        >>> find("cnn", "proxy").checkpoints(15000)
        (14976, 29952)
        """
        steps, looks = train_images // self.batch_size, self.evaluations_per_epoch
        return tuple(
            (epoch * steps + steps * look // looks) * self.batch_size
            for epoch in range(self.epochs)
            for look in range(1, looks + 1)
        )

    def canonical_json(self) -> str:
        """Return the recipe as JSON with sorted keys, without optional fields at their default."""
        settings = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.default is dataclasses.MISSING or getattr(self, field.name) != field.default
        }
        return json.dumps(settings, sort_keys=True, separators=(",", ":"))

    @property
    def sha(self) -> str:
        """The first 12 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:12]
