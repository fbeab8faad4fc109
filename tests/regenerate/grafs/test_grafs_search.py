"""GRAFS searches on tiny settings: determinism, resuming, the parts of the data, the result."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from act_bench.cli import main
from act_bench.functions.expression import parse
from regenerate import data
from regenerate.data import digits
from regenerate.grafs import GrafsResult, Settings, problem, relaxed, search
from regenerate.grafs.cell import Architecture, MixedActivation, Mixture
from regenerate.grafs.problem import Part, make_problem
from regenerate.grafs.relaxed import SearchFailedError
from regenerate.grafs.settings import SETTINGS as TABLE_SETTINGS
from regenerate.recipes import Recipe, find
from regenerate.runs.certificate import results
from regenerate.runs.store import SearchFolderError
from regenerate.training.dispatch import train
from regenerate.training.stacked_trainer import load_images
from tests.regenerate.stripes import stripes

SETTINGS = Settings(stages=4, steps=2, first_drop=1, warm_start=2, architecture_rate=0.05)
RECIPE = dataclasses.replace(find("mlp", "full"), epochs=1)


def run(out: Path, seed: int = 0, **changes: Any) -> GrafsResult:
    keywords: dict[str, Any] = {"retrainings": 2, "settings": SETTINGS, "recipe": RECIPE}
    return search("mlp", "full", seed=seed, out=out, **(keywords | changes))


def same(first: GrafsResult, second: GrafsResult) -> bool:
    """Whether two results are the same but for the seconds."""
    return (
        first.expression == second.expression
        and first.history == second.history
        and [results(each) for each in first.runs] == [results(each) for each in second.runs]
    )


@pytest.mark.parametrize(
    ("recipe", "device", "words"),
    [
        (RECIPE, "cuda", "trains on the cpu only"),
        (dataclasses.replace(RECIPE, optimizer="muon"), "auto", "'sgd' or 'adamw' for mlp-full"),
        (find("gpt", "proxy"), "auto", "does not know the network 'gpt'"),
    ],
)
def test_a_search_that_is_refused_leaves_its_folder(
    tmp_path: Path, recipe: Recipe, device: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        run(tmp_path / "out", recipe=recipe, device=device)
    assert not list((tmp_path / "out").iterdir())


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tensors here are small: two threads would wait for each other, for ever on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def save_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relaxed, "CHECKPOINT_EVERY_S", 0.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> GrafsResult:
    return run(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("moment", ["momentum", "second_moment_decay"])
def test_the_weights_follow_the_moments_of_the_recipe(tmp_path: Path, moment: str) -> None:
    adamw = dataclasses.replace(RECIPE, optimizer="adamw", learning_rate=0.01, momentum=0.9)
    other = dataclasses.replace(adamw, **{moment: 0.5})  # type: ignore[arg-type]
    first, second = (
        run(tmp_path / name, recipe=recipe, retrainings=1)
        for name, recipe in (("first", adamw), ("second", other))
    )
    assert first.history[0].training_loss != second.history[0].training_loss


def test_the_result_is_the_training_of_what_is_printed(whole: GrafsResult) -> None:
    again = train(RECIPE, parse(whole.expression), [0, 1])
    assert [results(each) for each in again] == [results(each) for each in whole.runs]
    assert whole.values == tuple(each.validation_accuracy for each in again)
    assert [each.left for each in whole.history][-1] == 6
    assert sum(len(each.dropped) for each in whole.history) == 104
    assert whole.history[-1].best == whole.expression or whole.entry is not None
    assert all(
        np.isfinite([each.training_loss, each.held_out_loss]).all() for each in whole.history
    )
    assert whole.search_s > 0
    assert whole.retraining_s > 0


def test_seeds_repeat_and_differ(whole: GrafsResult, tmp_path: Path) -> None:
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert same(run(tmp_path / "again"), whole)
    assert torch.equal(torch.get_rng_state(), before)
    other = run(tmp_path / "other", seed=1)
    assert other.history[0].held_out_loss != whole.history[0].held_out_loss


def test_an_interrupted_search_goes_on(whole: GrafsResult, tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    told: list[tuple[str, float]] = []

    def stop(what: str, share: float) -> None:
        told.append((what, share))
        if len(told) in (2, 4, 6):
            raise Stop

    for _ in range(3):
        with pytest.raises(Stop):
            run(tmp_path, progress=stop)
    assert same(run(tmp_path, progress=stop), whole)
    shares = [share for what, share in told if what == "search"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told[-1] == ("retrain", 1.0)
    # Once more: nothing is trained again.
    told.clear()
    assert same(run(tmp_path, progress=stop), whole)
    assert told == []


def test_a_killed_search_goes_on(whole: GrafsResult, tmp_path: Path) -> None:
    code = (
        "import time, pathlib, dataclasses\n"
        "from regenerate.grafs import relaxed, search, Settings\n"
        "from regenerate.recipes import find\n"
        "relaxed.CHECKPOINT_EVERY_S = 0.0\n"
        f"search('mlp', 'full', seed=0, out=pathlib.Path({str(tmp_path)!r}), retrainings=2,\n"
        f"  settings={SETTINGS!r}, recipe=dataclasses.replace(find('mlp', 'full'), epochs=1),\n"
        "  progress=lambda what, share: time.sleep(60) if share > 0.4 else None)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        for _ in range(3000):
            if (tmp_path / "grafs.pt").exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "result.json").exists()
    assert same(run(tmp_path), whole)


def test_a_folder_holds_one_search(whole: GrafsResult, tmp_path: Path) -> None:
    result = run(tmp_path)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written == json.loads(json.dumps(result.to_dict()))
    assert not any("test" in key for key in written)
    with pytest.raises(SearchFolderError, match="another seed: 0, not 1"):
        run(tmp_path, seed=1)
    with pytest.raises(SearchFolderError, match="another settings"):
        run(tmp_path, settings=dataclasses.replace(SETTINGS, steps=1))


def test_search_sees_training_images_only() -> None:
    mixture = Mixture(Architecture(seed=0), torch.nn.ReLU())
    made = make_problem(RECIPE, mixture, 0, device="cpu", data_dir=None)
    source = digits.load()

    def keys(images: torch.Tensor) -> set[bytes]:
        pixels = ((images + 1) * 8).round().to(torch.uint8).numpy()
        return {each.tobytes() for each in pixels}

    training, held_out = keys(made.training.images), keys(made.held_out.images)
    assert (len(training), len(held_out)) == (449, 150)
    assert not training & held_out
    assert training | held_out == {each.tobytes() for each in source.train.images}
    assert mixture.places == 2
    other = make_problem(
        RECIPE, Mixture(Architecture(seed=1), torch.nn.ReLU()), 1, device="cpu", data_dir=None
    )
    assert keys(other.held_out.images) != held_out


def test_batches_pass_over_all_images() -> None:
    part = Part(torch.arange(10.0), torch.arange(10))
    seen = [part.batch(step, 3, 0, "test")[1].tolist() for step in range(6)]
    for three in (seen[:3], seen[3:]):
        assert len({label for batch in three for label in batch}) == 9
    assert seen[:3] != seen[3:]
    assert len(part.batch(0, 50, 0, "test")[1]) == 10


def test_a_search_that_cannot_learn_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(recipe: Recipe, data_dir: Path | None) -> object:
        loaded = load_images(recipe, data_dir)
        bad = dataclasses.replace(
            loaded.train, images=torch.full_like(loaded.train.images, float("nan"))
        )
        return dataclasses.replace(loaded, train=bad)

    monkeypatch.setattr(problem, "load_images", broken)
    with pytest.raises(SearchFailedError, match="no step of stage 0 had a finite loss"):
        run(tmp_path)


def test_other_losses_and_networks_are_refused() -> None:
    mixture = Mixture(Architecture(seed=0), torch.nn.ReLU())
    for change, message in (
        ({"loss": "binary_cross_entropy"}, "searches with cross-entropy"),
        ({"network": "perceptron"}, "does not know the network 'perceptron'"),
    ):
        recipe = dataclasses.replace(RECIPE, **change)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=message):
            make_problem(recipe, mixture, 0, device="cpu", data_dir=None)


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """Images of stripes in the place of CIFAR-10, and a recipe for them."""
    random = np.random.default_rng(0)
    splits = [stripes(count, random) for count in (120, 40, 40)]
    made = data.ImageData("cifar10", 10, 255, *splits)
    monkeypatch.setattr(data, "load", lambda name, data_dir=None, image_size=None: made)
    return dataclasses.replace(
        find("cnn", "proxy"),
        fidelity="tiny",
        width=1 / 12,
        train_images=None,
        epochs=1,
        batch_size=20,
    )


def test_an_image_network(tmp_path: Path, few_images: Recipe) -> None:
    settings = dataclasses.replace(SETTINGS, stages=3, steps=1)
    keywords = {"settings": settings, "recipe": few_images, "retrainings": 1, "data_dir": tmp_path}
    first = search("cnn", "tiny", seed=0, out=tmp_path / "a", **keywords)  # type: ignore[arg-type]
    again = search("cnn", "tiny", seed=0, out=tmp_path / "b", **keywords)  # type: ignore[arg-type]
    assert same(first, again)
    assert len(first.runs) == 1
    assert first.history[-1].left == 6


@pytest.mark.parametrize("initialization", ["data_dependent", "lecun"])
def test_a_mixture_reads_standardized_maps_where_weights_are_fitted(
    tmp_path: Path, few_images: Recipe, initialization: Literal["data_dependent", "lecun"]
) -> None:
    """However the mixture scales its values, in the pass after the weights were drawn or later."""
    recipe = dataclasses.replace(few_images, initialization=initialization)
    mixture = Mixture(Architecture(seed=0), torch.nn.ReLU())
    found = make_problem(recipe, mixture, 0, device="cpu", data_dir=tmp_path)
    variances: list[float] = []

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        del module
        variances.append(float(inputs[0].detach().var((0, 2, 3), correction=0).mean()))

    for module in found.network.modules():
        if isinstance(module, MixedActivation):
            module.register_forward_pre_hook(look)
    mixture.weights = mixture.architecture.sample(mixture.places, "test")
    scores = found.scores(found.training.images)
    assert len(variances) == mixture.places == 8
    assert np.allclose(variances, 1, atol=0.05) == (initialization == "data_dependent")
    assert float(scores.detach().var()) != pytest.approx(1, abs=0.05)


def test_the_command_trains_the_extended_notation() -> None:
    expression = "add(clamped_mul(x,tanh(x)),0.25)"
    done = CliRunner().invoke(main, ["regenerate", expression, "--seeds", "1", "--json"])
    assert done.exit_code == 0, done.output
    certificate = json.loads(done.stdout)
    assert certificate["expression"] == expression
    assert certificate["entry"] is None
    assert certificate["retrained"][0]["outcome"] == "ok"


def test_the_command_searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE_SETTINGS, "mlp", SETTINGS)
    asked = ["search", "--table", "mlp", "--method", "grafs", "--seeds", "2"]
    asked += ["--out", str(tmp_path / "found")]
    done = CliRunner().invoke(main, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    runs = train(find("mlp", "full"), parse(found["expression"]), [0, 1])
    assert found["values"] == [each.validation_accuracy for each in runs]
    assert "test_accuracy" in found
    again = CliRunner().invoke(main, [*asked, "--sealed"])
    assert again.exit_code == 0, again.output
    assert found["expression"] in again.stdout
    assert "test:" not in again.stdout
    other = CliRunner().invoke(main, [*asked, "--seed", "1"])
    assert other.exit_code == 3
    assert "another seed" in other.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workers", "2"], "it has no --space and no --workers"),
        (["--space", "large"], "it has no --space and no --workers"),
        (["--fidelity", "huge"], "huge"),
    ],
)
def test_options_that_the_method_does_not_have(options: list[str], message: str) -> None:
    done = CliRunner().invoke(main, ["search", "--table", "mlp", "--method", "grafs", *options])
    assert done.exit_code == 2
    assert message in " ".join(done.stderr.split())


def test_a_budget_restarts_it_as_a_live_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE_SETTINGS, "mlp", SETTINGS)
    asked = ["search", "--table", "mlp", "--method", "grafs", "--seeds", "1", "--budget", "2"]
    asked += ["--confirm", "0", "--out", str(tmp_path / "found"), "--json"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    # Its first proposal is what the single search finds.
    single = search(
        "mlp", "full", seed=0, out=tmp_path / "single", retrainings=0, settings=SETTINGS
    )
    assert single.expression in done.stdout
