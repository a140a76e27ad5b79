"""Works on a study beside others, as any script that uses Optuna does.

    python3 tests/python/join_study.py URL STUDY TRIALS

Evaluates so many trials of its own: the loss is the sum of the parameters, which are numbers x0, x1, ... in [0, 1].
Prints the numbers of the trials, one a line.
"""

import sys

import optuna


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, name, trials = sys.argv[1:]
    study = optuna.load_study(study_name=name, storage=url, sampler=optuna.samplers.RandomSampler())
    for _ in range(int(trials)):
        trial = study.ask()
        loss = sum(trial.suggest_float(f"x{index}", 0, 1) for index in range(2))
        trial.report(loss, 1)
        study.tell(trial, loss)
        print(trial.number, flush=True)


if __name__ == "__main__":
    main()
