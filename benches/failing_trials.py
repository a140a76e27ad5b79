"""Trials that fail: beyond a border, anywhere by chance, or both. Means over seeds, for `benches/README.md`.

    python3 benches/failing_trials.py --tune target/release/tune --seeds 20 60

Needs Python alone. 40 seeds of all kinds take about 10 minutes of two cores.
"""

import argparse
import json
import random
import subprocess
from concurrent.futures import ThreadPoolExecutor
from statistics import mean

LEAST = {"a": 0.35, "b": 0.6, "c": 0.45, "d": 0.3}
WEIGHTS = {"a": 1, "b": 2, "c": 0.5, "d": 1}
SPACE = {"name": "four", "parameters": {name: {"type": "float", "low": 0, "high": 1} for name in LEAST}}
BORDERS = {
    "straight": lambda point, _: point["a"] + point["b"] > 1.35,
    "stepped": lambda point, _: point["a"] > 0.65 or point["b"] > 0.85,
    "noisy": lambda point, chance: point["a"] + 0.1 * chance.gauss(0, 1) > 0.65,
    "farther away": lambda point, _: point["a"] + point["c"] > 1.3,
}


def anywhere(share):
    """Failures that have nothing to do with the point."""
    return lambda point, chance: chance.random() < share


KINDS = BORDERS | {f"{share:.0%} anywhere": anywhere(share) for share in (0.05, 0.1, 0.2, 0.35, 0.5)}
KINDS["20% anywhere, all beyond a border"] = lambda point, chance: (
    chance.random() < 0.2 or BORDERS["straight"](point, chance)
)


def loss(point):
    """A bowl, 0 at its least."""
    away = {name: point[name] - least for name, least in LEAST.items()}
    return sum(WEIGHTS[name] * x * x for name, x in away.items()) + 0.3 * away["a"] * away["b"]


def served(args, space, seed, evaluate):
    """For each trial of a study the loss that `evaluate` gives its point, or None if it fails."""
    server = subprocess.Popen(
        [args.tune, "serve", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )

    def ask(**request):
        server.stdin.write(json.dumps(request) + "\n")
        reply = json.loads(server.stdout.readline())
        if reply["reply"] == "error":
            raise RuntimeError(reply["message"])
        return reply

    metrics = [{"name": "loss", "direction": "minimize"}]
    ask(op="open", space=space, metrics=metrics, seed=seed, search=args.search)
    losses = []
    for _ in range(args.trials):
        trial = ask(op="ask")
        losses.append(evaluate(trial["point"]))
        result = {"failure": "it fails"} if losses[-1] is None else {"values": [losses[-1]]}
        ask(op="tell", trial=trial["trial"], **result)
    server.stdin.close()
    server.wait()
    return losses


def study(args, fails, seed):
    """For each trial its loss, or None if it failed."""
    chance = random.Random(seed)
    return served(args, SPACE, seed, lambda point: None if fails(point, chance) else loss(point))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tune", default="target/release/tune")
    parser.add_argument("--search", default="bayes")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs=2, default=[20, 60], metavar=("FIRST", "END"))
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS), metavar="KIND")
    args = parser.parse_args()
    for kind in args.kinds:
        with ThreadPoolExecutor(2) as pool:
            studies = list(pool.map(lambda seed: study(args, KINDS[kind], seed), range(*args.seeds)))
        failures = [mean(losses[at : at + 20].count(None) for losses in studies) for at in range(0, args.trials, 20)]
        best = mean(min((x for x in losses if x is not None), default=float("nan")) for losses in studies)
        print(f"{kind}: failures per 20 trials {', '.join(f'{x:.2f}' for x in failures)}; mean loss {best:.1e}", flush=True)


if __name__ == "__main__":
    main()
