"""Compares training steps of tune and PyTorch in one run; prints a table of the ratios.

    cargo bench --bench step --no-run          # names the executable
    python compare.py target/release/deps/step-... [--threads 1] [--rounds 5] [--nets mlp,lenet,vgg]
        [--batches 32,128,512] [--images PATH]

Both programs stay alive and are asked alternately, so both meet the same load of the machine. With
one thread times are CPU seconds, with more they are wall seconds. Each time is the median of the
medians of all rounds. With a ratio above 1, tune is faster. The last line of a net is the geometric
mean over its batches.

Environment variables reach both programs. ONEDNN_MAX_CPU_ISA=AVX2 with
MKL_ENABLE_INSTRUCTIONS=AVX2 restricts PyTorch to AVX2; tune uses AVX-512 if the processor has it.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys

REPEATS = {"mlp": {32: 60, 128: 25, 512: 8}, "lenet": {32: 15, 128: 5, 512: 3}, "vgg": {32: 3, 128: 2, 512: 1}}


class Program:
    """A program that answers each line with one line."""

    def __init__(self, command):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.read()

    def read(self):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the program ended"}
        if "error" in answer:
            sys.exit(answer["error"])
        return answer

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the executable of the bench `step`")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nets", default="mlp,lenet,vgg")
    parser.add_argument("--batches", default="32,128,512")
    parser.add_argument("--images", help="images for PyTorch's steps; random without")
    arguments = parser.parse_args()
    peer = [sys.executable, str(pathlib.Path(__file__).with_name("torch_step.py"))]
    peer += ["--images", arguments.images] if arguments.images else []
    ours, theirs = Program([arguments.program]), Program(peer)
    clock = "cpu" if arguments.threads == 1 else "wall"
    print(f"threads {arguments.threads}, {clock} milliseconds per step, {arguments.rounds} rounds")
    print(f"{'net':8} {'batch':>5} {'tune':>9} {'torch':>9} {'ratio':>6}   min / min")
    for net in arguments.nets.split(","):
        ratios = []
        for batch in (int(word) for word in arguments.batches.split(",")):
            line = f"{net} {batch} {arguments.threads} {REPEATS[net][batch]}"
            rounds = [(ours.ask(line), theirs.ask(line)) for _ in range(arguments.rounds)]
            medians = [statistics.median(r[side][f"{clock}_median"] for r in rounds) for side in (0, 1)]
            least = [min(r[side][f"{clock}_min"] for r in rounds) for side in (0, 1)]
            ratios.append(medians[1] / medians[0])
            print(
                f"{net:8} {batch:5} {1e3 * medians[0]:9.3f} {1e3 * medians[1]:9.3f} {ratios[-1]:6.2f}"
                f"   {least[1] / least[0]:.2f}",
                flush=True,
            )
        print(f"{net:8} geometric mean {math.exp(statistics.mean(map(math.log, ratios))):.2f}", flush=True)


if __name__ == "__main__":
    main()
