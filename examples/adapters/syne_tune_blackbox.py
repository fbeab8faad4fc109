"""Syne Tune's simulated back end over an exported table."""

from itertools import product

import numpy as np
import pandas as pd
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular
from syne_tune.blackbox_repository.simulated_tabular_backend import UserBlackboxBackend
from syne_tune.config_space import choice, randint
from syne_tune.optimizer.baselines import ASHA

from act_bench import Benchmark

REQUIRES = ("syne-tune",)


def blackbox(bench: Benchmark) -> BlackboxTabular:
    """Return loss and seconds after every epoch of every spelling."""
    unary, binary = (list(bench.space.operators[arity]) for arity in (1, 2))
    rows = pd.DataFrame(product(binary, unary, unary), columns=["binary", "left", "right"])
    ask, epochs = bench.restart().query, range(1, bench.epochs + 1)
    cost = {e: np.cumsum([ask(e, epochs=n).cost_s for n in epochs]) for e in bench.covered}
    texts = (f"{b}({u}(x),{v}(x))" for b, u, v in rows.to_numpy())
    told = ([ask(text, epochs=n) for n in epochs] for text in texts)
    values = [[(a.loss, cost[a.entry][n]) for n, a in enumerate(each)] for each in told]
    space = {"binary": choice(binary), "left": choice(unary), "right": choice(unary)}
    epoch, names = {"epoch": randint(1, bench.epochs)}, ["loss", "elapsed_s"]
    return BlackboxTabular(rows, space, epoch, np.array(values)[:, None], objectives_names=names)


def search(bench: Benchmark, evaluations: int, seed: int) -> None:
    """Run ASHA on the export, then ask the benchmark for what it was told."""
    box, told = blackbox(bench), SimulatorCallback()
    scheduler = ASHA(box.configuration_space, "loss", "epoch", bench.epochs, random_seed=seed)
    backend = UserBlackboxBackend(box, "elapsed_s", seed=0)
    stop = StoppingCriterion(max_num_trials_started=evaluations)
    Tuner(backend, scheduler, stop, 1, sleep_time=0, callbacks=[told]).run()
    for row in told.dataframe().to_dict("records"):
        text = "{config_binary}({config_left}(x),{config_right}(x))".format(**row)
        assert bench.query(text, epochs=int(row["epoch"])).loss == row["loss"]
