"""The tables: one record per table, with all that is data about it. Standard library only.

Loaders, searches, figures and commands ask here and nowhere else. Recipes, trainers, networks and
data sets are code and belong to ``regenerate``; they refer to a table by its name.

:func:`register` adds a table of your own. ``docs/how-to/add-a-table.md`` shows all steps.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from act_bench.errors import ActBenchError, ExitCode
from act_bench.tables.schema import METRICS, one_of

EDITIONS: Final = ("regenerated", "upstream")
UPSTREAM_FIDELITY: Final = "full"
"""The only fidelity of the edition ``upstream``: the authors trained at their full budget."""

Metric = Literal["validation_accuracy", "validation_loss"]

VALIDATION_METRICS: Final = tuple(name for name in METRICS if name.startswith("validation_"))
"""What a search may be shown."""

TRAINED_MARGIN: Final = 0.05
"""A function *trains* where its validation accuracy is above chance by more than this."""

OWN_TABLES: Final = "ACT_BENCH_TABLES"
"""Environment variable: modules that register tables of your own, separated by commas."""

_RESERVED: Final = ("space", "embedding", "entropy", "limits", "literature", "manifest")
"""Names of other embedded files, and of a command of the builder."""


class RegistrationError(ActBenchError, ValueError):
    """A table that cannot be registered; the message says why and what to change."""

    exit_code = ExitCode.USAGE


class UpstreamTable(NamedTuple):
    """What is known of one of the authors' files.

    Attributes
    ----------
    runs
        Trainings behind each value: medians of three, or one.
    bins
        Length of its Fisher CDF vectors as far as known, else None. It follows from the reference
        code and the layers' sizes; the import takes the length that most entries have.
    validation_is_test
        Whether validation and test were measured on the same images.
    """

    runs: int
    bins: int | None
    validation_is_test: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class TableInfo:
    """All that is data about one table.

    Parameters
    ----------
    name
        Its key in :data:`TABLES` and the beginning of its file names; letters, digits and ``_``.
    title, network, dataset
        In words.
    chance
        Accuracy of guessing, a fraction.
    metric
        The column that a search optimizes.
    higher_is_better
        Its direction.
    floor
        Score of a run that diverged, in the unit of the metric, higher being better: for a loss for
        instance minus that of the uniform distribution. None: ``chance``, for accuracies.
    trained_margin
        A function *trains* where its score is above :attr:`worst_score` by more than this,
    zero_scores
        and at the fidelities named here where it is above this one: the score of the network with
        ``zero(x)``, which learns something without its activation functions.
    bits_per_byte
        Of text: what one nat of the validation loss is in bits per byte; None where it is none.
    fidelities
        Its recipes, cheapest first.
    default_fidelity
        The highest fidelity that covers every entry, which loaders use by default.
    default_view
        Which trainings loaders give where neither fidelity nor rate is named: ``own``, those at the
        recipe's own rate, or ``tuned``, once every entry has been trained at several.
    sampled
        Fidelities that a drawn sample of the entries is trained at, each at its tuned rate
        (``act_bench.tables.ladder.sample``).
    seeds
        Fidelity -> seeds of each function in the published sweep; 1 where not named.
    functions_per_part
        Functions in a part of a sweep: more than one where a training takes seconds.
    spectrum_layers
        Layers of its Fisher spectra, those with weights; None where it has no spectra.
    spectrum_s
        Seconds of one core for a Fisher spectrum; None where that is not known.
    spectrum_batch
        Fingerprint of the images and labels of the embedded spectra; None does not check them.
    upstream
        What the authors published of it; None where nothing.
    folder
        Where its files lie, with a ``manifest.json`` as ``builders.tables`` writes it. None: in
        this package.

    Examples
    --------
    >>> info = TABLES["mlp"]
    >>> info.network, info.score(0.9), info.worst_score
    ('MLP with two hidden layers', 0.9, 0.1)
    """

    name: str
    title: str
    network: str
    dataset: str
    chance: float
    fidelities: tuple[str, ...]
    default_fidelity: str
    default_view: Literal["own", "tuned"] = "own"
    sampled: tuple[str, ...] = ()
    metric: Metric = "validation_accuracy"
    higher_is_better: bool = True
    floor: float | None = None
    trained_margin: float = TRAINED_MARGIN
    zero_scores: Mapping[str, float] = field(default_factory=dict)
    bits_per_byte: float | None = None
    seeds: Mapping[str, int] = field(default_factory=dict)
    functions_per_part: int = 1
    spectrum_layers: int | None = None
    spectrum_s: float | None = None
    spectrum_batch: str | None = None
    upstream: UpstreamTable | None = None
    folder: Path | None = None

    @property
    def worst_score(self) -> float:
        """Score of a run that diverged: that of a network which learned nothing."""
        return self.chance if self.floor is None else self.floor

    @property
    def worst_value(self) -> float:
        """The metric of a run that diverged: `worst_score` in the unit of the metric."""
        return self.score(self.worst_score)

    @property
    def trained_score(self) -> float:
        """A function *trains* at the default fidelity where its score is above this."""
        return self.trained_score_at(self.default_fidelity)

    def trained_score_at(self, fidelity: str) -> float:
        """Return the score that a function is above which *trains* at a fidelity.

        Examples
        --------
        >>> TABLES["cnn"].trained_score_at("full"), round(TABLES["gpt"].trained_score_at("proxy"))
        (0.15000000000000002, -2)
        """
        return self.zero_scores.get(fidelity, self.worst_score + self.trained_margin)

    def score(self, value: float) -> float:
        """Return what a maximizer may use: the metric, negated where lower is better.

        Examples
        --------
        >>> import dataclasses
        >>> loss = dataclasses.replace(
        ...     TABLES["mlp"], metric="validation_loss", higher_is_better=False, floor=-2.3
        ... )
        >>> loss.score(0.4), loss.worst_score
        (-0.4, -2.3)
        """
        return value if self.higher_is_better else -value

    def in_bits_per_byte(self, loss: float | None) -> float | None:
        """Return a validation loss in bits per byte; None where the table is of no text.

        Examples
        --------
        >>> TABLES["mlp"].in_bits_per_byte(0.1)
        """
        return None if loss is None or self.bits_per_byte is None else loss * self.bits_per_byte

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from act_bench.files.html import html_table

        better = "higher" if self.higher_is_better else "lower"
        return html_table(
            self.title,
            {
                "name": self.name,
                "network": self.network,
                "dataset": self.dataset,
                "metric": f"{self.metric_in_words}, {better} is better",
                "score of what diverged": self.worst_score,
                "fidelities": ", ".join(self.fidelities),
                "default fidelity": self.default_fidelity,
            },
        )

    @property
    def metric_in_words(self) -> str:
        """The metric for axes and headings, such as ``validation accuracy``."""
        return self.metric.replace("_", " ")

    @property
    def score_in_words(self) -> str:
        """The score for axes of figures: the metric, and that it is negated if so."""
        return self.metric_in_words if self.higher_is_better else f"minus {self.metric_in_words}"

    @property
    def test_metric(self) -> Literal["test_accuracy", "test_loss"]:
        """The column that shows on test what the metric shows on validation."""
        return "test_accuracy" if self.metric == "validation_accuracy" else "test_loss"


_tables: dict[str, TableInfo] = {}

TABLES: Final[Mapping[str, TableInfo]] = MappingProxyType(_tables)
"""Name -> table, in the order of registration. A view: :func:`register` adds to it."""


def register(info: TableInfo) -> TableInfo:
    """Add a table, for this process; loaders, searches and commands find it from then on.

    For the command line, and for workers, do it in a module that the environment variable
    ``ACT_BENCH_TABLES`` names.

    Parameters
    ----------
    info
        Its record. ``folder`` may be empty until ``builders.tables`` has written the files.

    Returns
    -------
    TableInfo
        The same.

    Raises
    ------
    RegistrationError
        If the name is taken or not usable, the fidelities are no tuple or the default fidelity is
        none of them, the default view is neither of the two, chance is no fraction, the metric is
        none that a search may see, or its direction and floor do not belong to it.

    Examples
    --------
    >>> import dataclasses
    >>> register(TABLES["mlp"])
    Traceback (most recent call last):
        ...
    act_bench.tables.registry.RegistrationError: the name 'mlp' is taken by Act-Bench-MLP
    """
    if not (info.name.isidentifier() and info.name.isascii() and info.name.islower()):
        raise RegistrationError(
            f"expected a name of lower-case letters, digits and _, got {info.name!r}"
        )
    if info.name in _tables:
        raise RegistrationError(f"the name {info.name!r} is taken by {_tables[info.name].title}")
    if info.name in _RESERVED:
        raise RegistrationError(f"the name {info.name!r} is that of another file of the data set")
    for name, several in (("fidelities", info.fidelities), ("sampled", info.sampled)):
        if not isinstance(several, tuple):
            raise RegistrationError(
                f"{info.name}: expected {name} as a tuple of names, got {several!r}"
            )
    if not 0 < info.chance < 1:
        raise RegistrationError(
            f"{info.name}: expected chance as a fraction between 0 and 1, such as 0.1 for ten "
            f"classes, got {info.chance!r}"
        )
    if info.default_fidelity not in info.fidelities:
        raise RegistrationError(
            f"{info.name}: expected a default fidelity of {', '.join(info.fidelities) or 'none'}, "
            f"got {info.default_fidelity!r}"
        )
    if info.default_view not in ("own", "tuned"):
        raise RegistrationError(
            f"{info.name}: expected a default view of own, tuned, got {info.default_view!r}"
        )
    if strangers := {*info.sampled} - ({*info.fidelities} - {info.default_fidelity}):
        raise RegistrationError(
            f"{info.name}: expected sampled fidelities among the fidelities, and not the default "
            f"one, got {', '.join(sorted(strangers))}"
        )
    if info.metric not in VALIDATION_METRICS:
        raise RegistrationError(
            f"{info.name}: expected a metric of {', '.join(VALIDATION_METRICS)}, "
            f"got {info.metric!r}"
        )
    is_accuracy = info.metric == "validation_accuracy"
    if info.higher_is_better != is_accuracy:
        raise RegistrationError(
            f"{info.name}: expected higher_is_better={is_accuracy} for {info.metric}"
        )
    if info.floor is None and not is_accuracy:
        raise RegistrationError(
            f"{info.name}: expected a floor, the score of a run that diverged; for {info.metric} "
            "take minus the loss of the uniform distribution, -log(classes)"
        )
    _tables[info.name] = info
    return info


def import_own_tables() -> None:
    """Import the modules that the environment variable ``ACT_BENCH_TABLES`` names.

    Commands, builders and the workers of a sweep begin with this; Python of your own imports its
    modules itself.

    Raises
    ------
    RegistrationError
        If one of them cannot be found.
    """
    for name in filter(None, os.environ.get(OWN_TABLES, "").split(",")):
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise RegistrationError(
                f"{OWN_TABLES} names the module {name}, which cannot be found: add its folder to "
                "PYTHONPATH"
            ) from error


def table_info(name: str) -> TableInfo:
    """Return the table called ``name``.

    Raises
    ------
    UnknownNameError
        If there is none.

    Examples
    --------
    >>> table_info("mlp").default_fidelity
    'full'
    """
    return TABLES[one_of("table", name, TABLES)]


def choose_fidelity(table: str, fidelity: str | None = None, edition: str = "regenerated") -> str:
    """Return ``fidelity`` if ``table`` has it, or its default fidelity if None.

    Raises
    ------
    UnknownNameError
        If there is no such table or edition, or it has no such fidelity.

    Examples
    --------
    >>> choose_fidelity("cnn"), choose_fidelity("cnn", edition="upstream")
    ('proxy', 'full')
    """
    info = table_info(table)
    if one_of("edition", edition, EDITIONS) == "upstream":
        of_edition = f"fidelity of the upstream edition of the table {table}"
        return one_of(of_edition, fidelity or UPSTREAM_FIDELITY, (UPSTREAM_FIDELITY,))
    if fidelity is None:
        return info.default_fidelity
    return one_of(f"fidelity of the table {table}", fidelity, info.fidelities)


register(
    TableInfo(
        name="mlp",
        title="Act-Bench-MLP",
        network="MLP with two hidden layers",
        dataset="scikit-learn's digits",
        chance=0.1,
        fidelities=("full",),
        default_fidelity="full",
        default_view="tuned",
        seeds={"full": 10},
        functions_per_part=16,
        spectrum_layers=3,
        spectrum_s=0.021,
        spectrum_batch="27bb1ad61edc72f7",
    )
)
register(
    TableInfo(
        name="cnn",
        title="Act-Bench-CNN",
        network="All-CNN-C",
        dataset="CIFAR-10",
        chance=0.1,
        fidelities=("proxy", "long", "reduced", "full"),
        default_fidelity="proxy",
        default_view="tuned",
        sampled=("long",),
        spectrum_layers=9,
        spectrum_s=1.7,
        spectrum_batch="a9fef76d67c262a6",
        upstream=UpstreamTable(runs=3, bins=13_683, validation_is_test=False),
    )
)
register(
    TableInfo(
        name="resnet",
        title="Act-Bench-ResNet",
        network="ResNet-56",
        dataset="CIFAR-10",
        chance=0.1,
        fidelities=("proxy", "long", "reduced", "full"),
        default_fidelity="proxy",
        default_view="tuned",
        sampled=("long",),
        spectrum_layers=56,
        spectrum_s=1.1,
        spectrum_batch="a9fef76d67c262a6",  # the images of cnn
        upstream=UpstreamTable(runs=3, bins=None, validation_is_test=False),
    )
)
register(
    TableInfo(
        name="vit",
        title="Act-Bench-ViT",
        network="MobileViTv2-0.5",
        dataset="Imagenette",
        chance=0.1,
        fidelities=("proxy", "long", "reduced", "full"),
        default_fidelity="proxy",
        default_view="tuned",
        sampled=("long",),
        spectrum_layers=65,
        spectrum_s=2.4,
        spectrum_batch="d0bde22ae58fabc9",
        upstream=UpstreamTable(runs=1, bins=10_948, validation_is_test=True),
    )
)
register(
    TableInfo(
        name="gpt",
        title="Act-Bench-GPT",
        network="GPT with two layers of 96 channels",
        dataset="State of the Union addresses by characters",
        chance=1 / 98,
        metric="validation_loss",
        higher_is_better=False,
        floor=-math.log(98),  # the uniform distribution over the characters that occur
        zero_scores={"proxy": -1.81},
        bits_per_byte=1.4424315,
        fidelities=("proxy", "long", "full"),
        default_fidelity="proxy",
        sampled=("long",),
        spectrum_layers=8,
        spectrum_s=0.33,
        spectrum_batch="9b1552518a36a175",
    )
)

BUILT_IN: Final = tuple(_tables)
"""Names of the tables that come with this package."""
