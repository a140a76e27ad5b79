"""Spaces with hundreds of parameters or choices: the time of a suggestion, and the best loss.

    python3 benches/wide_spaces.py target/release/tune other/tune

Needs Python alone. Compares the programs that are named, one after the other on each space; two take about 4
minutes of two cores. Prints the median time of the suggestions after the first half of the trials.
"""

import argparse
import random
import time
from statistics import median

from failing_trials import served

TYPES = {
    "int": {"type": "int", "low": 1, "high": 64},
    "categorical": {"type": "categorical", "choices": ["a", "b", "c"]},
    "float": {"type": "float", "low": 0, "high": 1},
}
# Kind of the parameters, their number or that of the choices, trials, seeds.
SPACES = [
    ("int", 100, 40, 3),
    ("categorical", 100, 40, 3),
    ("choices", 300, 40, 3),
    ("choices", 3000, 24, 1),
    ("int", 400, 24, 1),
    ("categorical", 400, 24, 1),
    ("float", 400, 24, 1),
]


def space(kind, count):
    """`count` parameters of one type, or a number beside one of `count` choices."""
    if kind == "choices":
        choice = {"type": "categorical", "choices": [f"c{k}" for k in range(count)]}
        return {"name": "wide", "parameters": {"x": TYPES["float"], "c": choice}}
    return {"name": "wide", "parameters": {f"p{k}": TYPES[kind] for k in range(count)}}


def problem(kind, count, seed):
    """A bowl in ten of the parameters, or in the number, with a constant of its own for each choice."""
    chance = random.Random(seed)
    if kind == "choices":
        constants, least = [chance.random() for _ in range(count)], chance.random()
        return lambda point: (point["x"] - least) ** 2 + constants[int(point["c"][1:])] / 2
    names = [f"p{k}" for k in chance.sample(range(count), 10)]
    weights = [chance.uniform(0.2, 1) for _ in names]
    if kind == "categorical":
        right = [chance.choice("abc") for _ in names]
        return lambda point: sum(w for w, name, best in zip(weights, names, right) if point[name] != best)
    least = [chance.random() for _ in names]
    unit = (lambda value: (value - 1) / 63) if kind == "int" else (lambda value: value)
    return lambda point: sum(w * (unit(point[n]) - at) ** 2 for w, n, at in zip(weights, names, least))


def study(args, kind, count, seed):
    """The times between the trials of a study, and its losses."""
    loss, asked = problem(kind, count, seed), [time.perf_counter()]

    def evaluate(point):
        asked.append(time.perf_counter())
        return loss(point)

    losses = served(args, space(kind, count), seed, evaluate)
    return [after - before for before, after in zip(asked, asked[1:])], losses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--search", default="bayes")
    args = parser.parse_args()
    for kind, count, args.trials, seeds in SPACES:
        for args.tune in args.programs:
            studies = [study(args, kind, count, seed) for seed in range(seeds)]
            late = [seconds for times, _ in studies for seconds in times[args.trials // 2 :]]
            best = ", ".join(f"{min(losses):.4f}" for _, losses in studies)
            print(f"{kind}, {count}: {median(late):.3f} s, best {best} ({args.tune})", flush=True)


if __name__ == "__main__":
    main()
