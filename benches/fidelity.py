"""How much training `--fidelity` saves: the share of the training time of a study that trains every trial to its
end, after which a study that pauses trials has a complete one that is as good as the best of the former.

    cargo build --release
    python3 benches/fidelity.py --dataset digits --seeds 5 --trials 100 --points 400

Times are those between the events that begin and end a part of a trial, one worker, as `--json` tells them; what
the search thinks is left out. The last column is what the full study itself needs to reach its own best.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

TUNE = pathlib.Path(__file__).parent.parent / "target" / "release" / "tune"
BEGINS = {"trial_started", "trial_resumed"}
ENDS = {"trial_paused", "trial_finished"}


def study(folder, options):
    """(seconds of training by then, best complete value by then) after every part of a trial, and epochs in all."""
    command = [TUNE, "--storage", folder / "study.db", "--out", folder / "best.json", "--confirm", "0", "--json"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    curve, seconds, best, begun, epochs = [], 0.0, 0.0, None, 0
    for line in process.stdout:
        event, now = json.loads(line), time.monotonic()
        kind = event["event"]
        epochs += kind == "trial_reported"
        if kind in BEGINS:
            begun = now
        elif kind in ENDS and begun is not None:
            seconds, begun = seconds + now - begun, None
            best = max([best, *event["values"][:1]]) if kind == "trial_finished" else best
            curve.append((seconds, best, epochs))
    if process.wait():
        raise SystemExit(f"tune ended with {process.returncode}")
    return curve


def reached(curve, value):
    """Seconds and epochs until `value` was reached; those of the whole study if it never was."""
    return next(((at, epochs, True) for at, best, epochs in curve if best >= value), (*curve[-1][::2], False))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--fidelity", default="asha")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--points", type=int, default=400)
    args = parser.parse_args()
    print("| seed | best of full | full s | full epochs | reached | s | epochs | share of s | of epochs | full itself |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    shares = []
    for seed in range(args.seeds):
        common = ["--dataset", args.dataset, "--seed", str(seed)]
        with tempfile.TemporaryDirectory() as folder:
            full = study(pathlib.Path(folder), [*common, "--budget", str(args.trials)])
        whole, best, all_epochs = full[-1]
        own = reached(full, best)
        options = ["--fidelity", args.fidelity, "--budget", str(args.points), "--stop-when", f"target={best}"]
        with tempfile.TemporaryDirectory() as folder:
            parts = study(pathlib.Path(folder), [*common, *options])
        at, epochs, is_reached = reached(parts, best)
        shares.append((at / whole, epochs / all_epochs, own[0] / whole))
        reached_text = f"{parts[-1][1]:.4f}" + ("" if is_reached else " (not)")
        print(f"| {seed} | {best:.4f} | {whole:.1f} | {all_epochs} | {reached_text} | {at:.1f} | {epochs} "
              f"| {at / whole:.2f} | {epochs / all_epochs:.2f} | {own[0] / whole:.2f} |", flush=True)
    means = [sum(column) / len(shares) for column in zip(*shares)]
    print(f"mean share of s {means[0]:.3f}, of epochs {means[1]:.3f}; the full study itself {means[2]:.3f}")


if __name__ == "__main__":
    main()
