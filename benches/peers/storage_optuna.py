"""Prints trials per second of Optuna on a storage: ten parameters and ten reports per trial.

    python storage_optuna.py URL WORKERS TRIALS
"""

import multiprocessing
import sys
import time

import optuna


def work(url, name, trials):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(study_name=name, storage=url, sampler=optuna.samplers.RandomSampler())
    for _ in range(trials):
        trial = study.ask()
        for index in range(10):
            trial.suggest_float(f"x{index}", 0.0, 1.0)
        for step in range(1, 11):
            trial.report(1.0 / step, step)
        study.tell(trial, 0.5)


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url, workers, trials = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    name = f"throughput-{time.time()}"
    optuna.create_study(study_name=name, storage=url)
    each = max(1, trials // workers)
    processes = [multiprocessing.Process(target=work, args=(url, name, each)) for _ in range(workers)]
    begun = time.monotonic()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    done = sum(trial.state.is_finished() for trial in optuna.load_study(study_name=name, storage=url).trials)
    print(done / (time.monotonic() - begun))


if __name__ == "__main__":
    main()
