"""A sampler of Optuna as a solver of kurobako.

    kurobako solver command python optuna_solver.py TPESampler

It speaks kurobako's protocol, one JSON object per line. Every trial is evaluated to its last step.
"""

import json
import math
import sys
import warnings

import optuna

warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
optuna.logging.set_verbosity(optuna.logging.ERROR)

CAPABILITIES = [
    "UNIFORM_CONTINUOUS",
    "UNIFORM_DISCRETE",
    "LOG_UNIFORM_CONTINUOUS",
    "LOG_UNIFORM_DISCRETE",
    "CATEGORICAL",
    "MULTI_OBJECTIVE",
    "CONCURRENT",
]


def suggest(trial, variable):
    """A value in the half-open range of `variable`, in kurobako's form."""
    name, of, log = variable["name"], variable["range"], variable["distribution"] == "LOG_UNIFORM"
    if of["type"] == "CONTINUOUS":
        value = trial.suggest_float(name, of["low"], math.nextafter(of["high"], -math.inf), log=log)
    elif of["type"] == "DISCRETE":
        value = trial.suggest_int(name, of["low"], of["high"] - 1, log=log)
    else:
        value = trial.suggest_categorical(name, range(len(of["choices"])))
    return float(value)


class Solver:
    """A study and its running trials."""

    def __init__(self, sampler, order):
        self.problem = order["problem"]
        seed = order["random_seed"] % 2**32
        directions = ["minimize"] * len(self.problem["values_domain"])
        sampler = getattr(optuna.samplers, sampler)(seed=seed)
        self.study = optuna.create_study(directions=directions, sampler=sampler)
        self.running = {}
        steps = self.problem["steps"]
        self.last_step = steps if isinstance(steps, int) else steps[-1]

    def ask(self, number):
        trial = self.study.ask()
        self.running[number] = trial
        params = [suggest(trial, variable) for variable in self.problem["params_domain"]]
        told = {"id": number, "params": params, "next_step": self.last_step}
        return {"type": "ASK_REPLY", "trial": told, "next_trial_id": number + 1}

    def tell(self, trial):
        running, values = self.running.pop(trial["id"]), trial["values"]
        if values:
            self.study.tell(running, values)
        else:
            self.study.tell(running, state=optuna.trial.TrialState.FAIL)
        return {"type": "TELL_REPLY"}


def main():
    sampler = sys.argv[1]
    attrs = {"version": f"optuna={optuna.__version__}"}
    spec = {"name": f"optuna-{sampler}", "attrs": attrs, "capabilities": CAPABILITIES}
    print(json.dumps({"type": "SOLVER_SPEC_CAST", "spec": spec}), flush=True)
    solvers = {}
    for line in sys.stdin:
        order = json.loads(line)
        kind, solver = order["type"], order["solver_id"]
        if kind == "CREATE_SOLVER_CAST":
            solvers[solver] = Solver(sampler, order)
        elif kind == "DROP_SOLVER_CAST":
            del solvers[solver]
        elif kind == "ASK_CALL":
            print(json.dumps(solvers[solver].ask(order["next_trial_id"])), flush=True)
        elif kind == "TELL_CALL":
            print(json.dumps(solvers[solver].tell(order["trial"])), flush=True)


if __name__ == "__main__":
    main()
