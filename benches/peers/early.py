"""The lowest loss after few evaluations, beside nevergrad's NGOpt and Optuna: the 24 functions of BBOB.

    pip install coco-experiment nevergrad optuna scipy torch
    python early.py --tune ../../target/release/tune --dimension 10 --instances 1 2 3

Each solver begins by its own rules, with no points given. NGOpt is told the budget, the last of --marks. For each
number of evaluations the table counts the runs in which `tune` was better and worse, with the p value of a sign test.
A run is a function, an instance and a seed.
"""

import argparse
import warnings

import numpy as np
from quality import Optuna, Problem, Tune
from scipy.stats import binomtest


class NgOpt:
    """nevergrad's optimizer that chooses among its optimizers."""

    def __init__(self, problem, seed, options):
        import nevergrad

        self.names = list(problem.parameters)
        numbers = nevergrad.p.Array(shape=(len(self.names),)).set_bounds(-5.0, 5.0)
        numbers.random_state.seed(seed)
        self.solver = nevergrad.optimizers.NGOpt(parametrization=numbers, budget=options.marks[-1], num_workers=1)

    def ask(self):
        candidate = self.solver.ask()
        return candidate, dict(zip(self.names, map(float, candidate.value)))

    def tell(self, candidate, _values, loss):
        self.solver.tell(candidate, loss)

    def close(self):
        pass


SOLVERS = {
    "tune": Tune,
    "ngopt": NgOpt,
    "tpe": lambda problem, seed, _: Optuna(problem, seed, lambda of: lambda seed: of.TPESampler(seed=seed)),
    "gp": lambda problem, seed, _: Optuna(problem, seed, lambda of: lambda seed: of.GPSampler(seed=seed)),
}


def problems(options):
    """The functions of BBOB, each over numbers from -5 to 5."""
    import cocoex

    parameters = {f"x{axis}": {"type": "float", "low": -5.0, "high": 5.0} for axis in range(options.dimension)}
    for instance in options.instances:
        suite = cocoex.Suite("bbob", f"instances: {instance}", f"dimensions: {options.dimension}")
        for index in range(len(suite)):
            coco = suite.get_problem(index)
            yield Problem(coco.id, parameters, lambda values, coco=coco: float(coco(np.array(list(values.values())))))


def lowest(name, problem, seed, options):
    """The lowest loss after each of the marks."""
    solver, best, found = SOLVERS[name](problem, seed, options), np.inf, []
    for count in range(1, options.marks[-1] + 1):
        trial, values = solver.ask()
        loss = problem.loss({axis: values[axis] for axis in problem.parameters})
        solver.tell(trial, values, loss)
        best = min(best, loss)
        if count in options.marks:
            found.append(best)
    solver.close()
    return found


def main():
    warnings.filterwarnings("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tune", default="tune")
    parser.add_argument("--solvers", nargs="+", choices=SOLVERS, default=["tune", "ngopt"])
    parser.add_argument("--dimension", type=int, default=10, choices=[2, 3, 5, 10, 20, 40])
    parser.add_argument("--instances", nargs="+", type=int, default=[1])
    parser.add_argument("--marks", nargs="+", type=int, default=[5, 10, 15, 20, 30, 40, 60], help="numbers of evaluations, rising")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    results = {name: [] for name in options.solvers}
    for count, problem in enumerate(problems(options)):
        for name in options.solvers:
            results[name].append(lowest(name, problem, options.seed + count, options))
    ours, runs = results[options.solvers[0]], len(results[options.solvers[0]])
    print(f"{runs} runs in {options.dimension} dimensions: {options.solvers[0]} better, worse (p)")
    print("| peer | " + " | ".join(map(str, options.marks)) + " |")
    print("|---|" + "---|" * len(options.marks))
    for name in options.solvers[1:]:
        cells = []
        for mark in range(len(options.marks)):
            better = sum(a[mark] < b[mark] for a, b in zip(ours, results[name]))
            worse = sum(a[mark] > b[mark] for a, b in zip(ours, results[name]))
            p = binomtest(better, better + worse).pvalue if better + worse else 1.0
            cells.append(f"{better}, {worse} ({p:.2g})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
