"""Real trainings by epochs, as a table: what `fidelity` saves a program that asks `tune serve` for its trials.

    python3 benches/results/epochs.py [--sets digits wdbc] [--repeats 30] [--peers 1]

The grid has 540 points of six hyperparameters. Each is trained for 27 epochs, with three seeds and splits, about
9 minutes of one thread for either set; `results/epochs-SET.csv` keeps the mean validation accuracy after every
epoch, so that a later run only searches. A search is told these means. Its cost is the epochs that it asked for,
in trainings of 27 epochs. Its regret is what the best training to the end lacks, against the best of the grid:
`results/epochs.json`. `--peers 1` adds samplers and pruners of Optuna.
"""

import itertools
import json
import random
import statistics

from common import Session, arguments, point, read_csv, run, spread, table_of, write, write_csv, write_file

# The values of the grid; every search begins at the first of each.
GRID = {
    "learning_rate_adam": [0.001, 0.0003, 0.003, 0.01, 0.03], "width_1": [64, 16, 256], "temperature": [1.0, 4.0, 16.0],
    "batch_size": [64, 16, 256], "method": ["surrogate", "sharpen"], "redundancy": [4, 16],
}
# The order of the values of a number; the method is a choice.
ORDER = {name: sorted(range(len(values)), key=values.__getitem__) for name, values in GRID.items()}
EPOCHS, SEEDS = 27, range(3)
FIXED = {
    "input_coding": "graded", "hidden_layers": 1, "batch_norm": True, "optimizer": "adam", "schedule": "cosine",
    "epochs": EPOCHS, "sharpener": "simple", "sharpen_start": 9, "sharpen_steps": 6,
}
# Costs, in whole trainings, at which the regret is told.
COSTS = (5, 10, 20)


def points():
    """All points of the grid."""
    return [dict(zip(GRID, values)) for values in itertools.product(*GRID.values())]


def train(args, data):
    """The mean validation accuracy of each point after each epoch; a training that died has that of its last epoch."""
    space = point(FIXED)
    for name, values in GRID.items():
        space["parameters"][name] = {"type": "categorical", "choices": values}
    space["start"] = points()
    space = write_file(args, "epochs-space.json", space)
    source = data if data == "digits" else table_of(args, data)
    found = {tuple(one.values()): [] for one in points()}
    for seed in SEEDS:
        name = f"epochs-{data}-{seed}"
        words = ["--dataset", source, "--space", space, "--budget", str(len(found) + 1), "--confirm", "0", "--seed", str(seed)]
        ended, seconds = run(args, [*words, "--threads", "1", "--study", name, "--storage", f"{name}.db", "--quiet",
                                    "--out", f"{name}-best.json"])
        if ended.returncode != 0:
            raise SystemExit(f"{name}: exit code {ended.returncode}: {ended.stderr}")
        print(f"{name}: {seconds:.0f} s of CPU time", flush=True)
        trials, _ = run(args, ["export", "jsonl", "--study", name, "--storage", f"{name}.db"])
        # A study begins with the default, which is among the points of the grid too.
        for trial in map(json.loads, trials.stdout.splitlines()[1:]):
            curve = [value for _, value in sorted((int(step), value) for step, value in trial["intermediate"].items())]
            place = tuple(trial["point"][name] for name in GRID)
            found[place].append(curve + curve[-1:] * (EPOCHS - len(curve)))
    rows = []
    for place, curves in found.items():
        if len(curves) != len(SEEDS):
            raise SystemExit(f"{data}: {place} has {len(curves)} trainings")
        means = {str(epoch + 1): round(statistics.fmean(curve[epoch] for curve in curves), 5) for epoch in range(EPOCHS)}
        rows.append(dict(zip(GRID, place)) | means)
    write_csv(f"epochs-{data}", rows)


def table(data):
    """The accuracies after each epoch by the numbers of a point's values."""
    def place(row):
        return tuple(values.index(type(values[0])(row[name])) for name, values in GRID.items())
    return {place(row): [float(row[str(epoch + 1)]) for epoch in range(EPOCHS)] for row in read_csv(f"epochs-{data}")}


def space():
    """Numbers as whole numbers in their order, and the method as a choice."""
    parameters = {}
    for name, values in GRID.items():
        whole = {"type": "int", "low": 0, "high": len(values) - 1, "default": ORDER[name].index(0)}
        parameters[name] = {"type": "categorical", "choices": values} if name == "method" else whole
    return {"name": "epochs", "parameters": parameters}


def place_of(point):
    """The numbers of the values of a point of `space`."""
    return tuple(GRID[name].index(value) if name == "method" else ORDER[name][value] for name, value in point.items())


def ours(args, curves, search, fidelity, seed):
    """The trainings of `tune serve`: yields the epochs of each segment, and the final accuracy where it has one."""
    pausing = {"fidelity": fidelity, "steps": EPOCHS} if fidelity else {}
    session = Session(args, space(), search=search, seed=seed, **pausing)
    try:
        while True:
            trial = session.ask(op="ask")
            begin, end = trial.get("step", 0), trial.get("until", EPOCHS)
            value = curves[place_of({name: trial["point"][name] for name in GRID})][end - 1]
            yield end - begin, value if end == EPOCHS else None
            session.ask(op="tell", trial=trial["trial"], values=[value], **({"step": end} if fidelity else {}))
    finally:
        session.close()


def optunas(args, curves, _search, pruner, seed):
    """The trainings of Optuna's TPESampler with a pruner."""
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruners = {"none": optuna.pruners.NopPruner, "halving": optuna.pruners.SuccessiveHalvingPruner,
               "hyperband": optuna.pruners.HyperbandPruner, "median": optuna.pruners.MedianPruner}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruners[pruner]())
    study.enqueue_trial({name: "surrogate" if name == "method" else ORDER[name].index(0) for name in GRID})
    while True:
        trial = study.ask()
        point = {name: trial.suggest_categorical(name, values) if name == "method"
                 else trial.suggest_int(name, 0, len(values) - 1) for name, values in GRID.items()}
        curve = curves[place_of(point)]
        for epoch in range(1, EPOCHS + 1):
            trial.report(curve[epoch - 1], epoch)
            if epoch < EPOCHS and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                yield epoch, None
                break
        else:
            study.tell(trial, curve[-1])
            yield EPOCHS, curve[-1]


def random_order(args, curves, _search, _fidelity, seed):
    """Whole trainings in a random order, without repetition."""
    first, *others = curves
    random.Random(seed).shuffle(others)
    for at in [first, *others]:
        yield EPOCHS, curves[at][-1]


def regrets(steps, curves):
    """What the best training to the end lacks after each of COSTS."""
    best_of_all = max(curve[-1] for curve in curves.values())
    best, spent, found = 0.0, 0, {}
    for epochs, final in steps:
        spent += epochs
        for cost in COSTS:
            if spent > cost * EPOCHS:
                found.setdefault(cost, round(best_of_all - best, 6))
        if spent > COSTS[-1] * EPOCHS:
            break
        best = max(best, final or 0.0)
    steps.close()
    return found


SOLVERS = {
    "`tune`, `fidelity: bayes`": (ours, "bayes", "bayes"), "`tune`, `fidelity: asha`": (ours, "bayes", "asha"),
    "`tune`, whole trainings": (ours, "bayes", None), "random points, `fidelity: asha`": (ours, "random", "asha"),
    "random order, whole trainings": (random_order, None, None),
}
PEERS = {
    "Optuna, TPESampler, HyperbandPruner": (optunas, "tpe", "hyperband"),
    "Optuna, TPESampler, SuccessiveHalvingPruner": (optunas, "tpe", "halving"),
    "Optuna, TPESampler, MedianPruner": (optunas, "tpe", "median"),
    "Optuna, TPESampler, whole trainings": (optunas, "tpe", "none"),
}


def main():
    args = arguments(__doc__, sets=["digits", "wdbc"], repeats=30, peers=0)
    rows, facts = [], {}
    for data in args.sets:
        if not read_csv(f"epochs-{data}"):
            train(args, data)
        curves = table(data)
        finals = sorted((curve[-1] for curve in curves.values()), reverse=True)
        facts[data] = {"points": len(finals), "best": finals[0], "tenth": finals[9], "median": statistics.median(finals)}
        for name, (solver, search, fidelity) in (SOLVERS | (PEERS if args.peers else {})).items():
            runs = [regrets(solver(args, curves, search, fidelity, seed), curves) for seed in range(args.repeats)]
            told = {str(cost): {key: round(of, 5) for key, of in spread([one[cost] for one in runs]).items()} for cost in COSTS}
            rows.append({"data": data, "search": name, "points": len(curves), "repeats": len(runs), "regret": told})
            print(rows[-1], flush=True)
    peers = f" --peers {args.peers}" if args.peers else ""
    write("epochs", f"python3 benches/results/epochs.py --sets {' '.join(args.sets)} --repeats {args.repeats}{peers}",
          rows, sets=facts)


if __name__ == "__main__":
    main()
