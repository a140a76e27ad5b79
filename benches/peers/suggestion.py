"""Prints the CPU time of a suggestion of Optuna's GPSampler, on one thread.

The problem is the noisy bowl of `benches/search.rs`, at random points.

    pip install optuna scipy torch
    OMP_NUM_THREADS=1 taskset -c 0 python suggestion.py 100 1     # number of trials, number of metrics
"""

import statistics
import sys
import time
import warnings

import numpy as np
import optuna
import torch

ASKS = 5
NUMBERS = [f"x{axis}" for axis in range(10)]


def losses(x, number, metrics):
    noise = 0.02 * (number * 37 % 11)
    return [float(np.sum((x - corner) ** 2) + noise) for corner in (0.3, 0.7)[:metrics]]


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    count, metrics = int(sys.argv[1]), int(sys.argv[2])
    sampler, rng = optuna.samplers.GPSampler(seed=0), np.random.default_rng(0)
    study = optuna.create_study(directions=["minimize"] * metrics, sampler=sampler)
    distributions = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in NUMBERS}
    for number in range(count):
        x = rng.random(len(NUMBERS))
        params = dict(zip(NUMBERS, map(float, x)))
        values = losses(x, number, metrics)
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, values=values))
    seconds = []
    for number in range(count, count + ASKS):
        begun = time.process_time()
        trial = study.ask(distributions)
        seconds.append(time.process_time() - begun)
        study.tell(trial, losses(np.array([trial.params[name] for name in NUMBERS]), number, metrics))
    print(f"{count} trials, {metrics} metrics: median {statistics.median(seconds):.3f} s, least {min(seconds):.3f} s")


if __name__ == "__main__":
    main()
