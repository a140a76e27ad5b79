"""Evolution of lists: where each length has something to give, and where layers pay only at the right rate.

    python3 benches/lists.py --tune target/release/tune --seeds 0 60

Needs Python alone. Prints the mean loss of the best of the first trials, with its standard error; the least
possible is about 0 for "smooth" and 0.02 for the others. 60 seeds take about 10 minutes of two cores.
"""

import argparse
import math
from concurrent.futures import ThreadPoolExecutor
from statistics import mean, stdev

from failing_trials import served


def number(low, high, kind="float", log=True):
    """A parameter."""
    return {"type": kind, "low": low, "high": high, "log": log}


def choice(*choices):
    """A categorical parameter."""
    return {"type": "categorical", "choices": list(choices)}


SMOOTH = {
    "layers": {"type": "list", "length": [0, 5], "default": 2, "of": {
        "width": number(4, 256, "int"),
        "kind": choice("conv", "dense", "pool"),
        "drop": number(0, 0.5, log=False) | {"when": {"kind": ["dense"]}},
    }},
    "rate": number(1e-4, 1),
}
HIDDEN = {
    "convolutions": {"type": "list", "length": [0, 5], "default": 0, "of": {
        "channels": number(8, 96, "int"), "width": choice(3, 5, 7), "stride": choice(1, 2),
    }},
    "dense": {"type": "list", "length": [0, 2], "default": 1, "of": {"width": number(32, 512, "int")}},
    "rate": number(1e-3, 3e-2),
    "temperature": number(2, 32),
    "dropout": number(0, 0.5, log=False),
}


def smooth(point):
    """More capacity is better, dense layers belong above convolutions, and one rate is best."""
    capacity = disorder = 0.0
    before = None
    for item in range(1, point["layers"] + 1):
        kind = point[f"layers.{item}.kind"]
        capacity += math.log2(point[f"layers.{item}.width"]) * {"conv": 1.2, "dense": 1.0, "pool": 0.2}[kind]
        disorder += (before, kind) == ("dense", "conv")
        disorder += abs(point[f"layers.{item}.drop"] - 0.1) if kind == "dense" else 0.0
        before = kind
    return math.exp(-capacity / 8) + 0.05 * disorder + 0.03 * math.log10(point["rate"] / 0.01) ** 2


def hidden(sharpness):
    """Convolutions are much better than none, but only near a rate that falls with their number."""

    def loss(point):
        rate, temperature = math.log10(point["rate"] / 1e-2), math.log10(point["temperature"] / 8)
        items = range(1, point["convolutions"] + 1)
        capacity = sum(math.log2(point[f"convolutions.{item}.channels"]) for item in items)
        strides = sum(point[f"convolutions.{item}.stride"] == 2 for item in items)
        away = (rate + 0.15 * len(items)) ** 2 + 0.5 * temperature**2
        accuracy = 0.1 + 0.86 * min(1, capacity / 18) * (1 - 0.08 * max(0, strides - 1)) * math.exp(-sharpness * len(items) * away)
        if not items:
            accuracy = 0.5 + 0.1 * math.exp(-(rate**2) - temperature**2)
        return 1 - accuracy - 0.01 * point["dense"] + 0.1 * point["dropout"] ** 2

    return loss


PROBLEMS = {"smooth": (SMOOTH, smooth), "hidden": (HIDDEN, hidden(1)), "well hidden": (HIDDEN, hidden(3))}


def study(args, problem, seed):
    """The loss of each trial."""
    parameters, loss = PROBLEMS[problem]
    return served(args, {"name": "lists", "parameters": parameters}, seed, loss)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", default="target/release/tune")
    parser.add_argument("--search", default="evolution")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs=2, default=[0, 60], metavar=("FIRST", "END"))
    args = parser.parse_args()
    for problem in PROBLEMS:
        with ThreadPoolExecutor(2) as pool:
            studies = list(pool.map(lambda seed: study(args, problem, seed), range(*args.seeds)))
        for trials in range(20, args.trials + 1, 20):
            best = [min(losses[:trials]) for losses in studies]
            error = stdev(best) / len(best) ** 0.5
            print(f"{problem}, {trials} trials: {mean(best):.4f} +- {error:.4f}, worst {max(best):.3f}", flush=True)


if __name__ == "__main__":
    main()
