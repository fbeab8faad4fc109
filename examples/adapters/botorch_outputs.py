"""BoTorch over the outputs of the functions: python examples/adapters/botorch_outputs.py"""

import numpy as np
import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood

import act_bench
from act_bench import Benchmark, SearchSpace

REQUIRES = ("botorch", "gpytorch")


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Maximize the score by expected improvement over ten principal components of the outputs."""
    space = SearchSpace.of(bench)
    vectors = torch.from_numpy(space.features("pca-outputs").vectors())
    x = (vectors - vectors.min(0).values) / (vectors.max(0).values - vectors.min(0).values)
    order = list(np.random.default_rng(seed).permutation(len(space)))
    asked = order[: min(10, evaluations)]
    scores = [bench.query(space.expressions[place]).score for place in asked]
    while len(asked) < evaluations:
        y = torch.tensor(scores, dtype=torch.float64)[:, None]
        model = SingleTaskGP(x[asked], (y - y.mean()) / y.std())
        likelihood = ExactMarginalLogLikelihood(model.likelihood, model)
        fit_gpytorch_mll(likelihood, optimizer_kwargs={"options": {"maxiter": 20}})
        best = ((y - y.mean()) / y.std()).max()
        with torch.no_grad():
            gain = LogExpectedImprovement(model, best)(x[:, None])
        gain[asked] = -torch.inf  # each function once
        asked.append(int(gain.argmax()))
        scores.append(bench.query(space.expressions[asked[-1]]).score)


if __name__ == "__main__":
    search(act_bench.Benchmark("mlp"), evaluations=100, seed=0)
