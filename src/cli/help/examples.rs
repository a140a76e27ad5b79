//! Examples at the end of the long help of each command.

/// Commands, each with command lines that show what it can do.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "tune --dataset iris",
            "tune --dataset my.csv --label kind --chip loihi1 --budget 40",
            "tune --dataset digits --chip loihi1 --metric accuracy --metric energy",
            "tune --config study.json --budget 100",
        ],
    ),
    (
        "run",
        &[
            "tune run --command './train.sh --lr={lr}' --space space.json --metric loss:min",
            "tune run --command ./train.py --space space.json --metric f1:max --workers 4",
            "tune run --command ./train.py --space space.json --fidelity asha --steps 27",
        ],
    ),
    (
        "worker",
        &[
            "tune worker --study digits",
            "tune worker --storage postgresql://me@host/tune --study digits --workers 8",
        ],
    ),
    (
        "launch slurm",
        &[
            "tune launch slurm --study digits --nodes 4 --time 2:00:00",
            "tune launch slurm --study digits --time 1-00:00:00 --cpus 8 --submit",
        ],
    ),
    ("db start", &["tune db start --dir /scratch/tune-db", "tune db start --dir tune-db --port 5433"]),
    ("db stop", &["tune db stop --dir /scratch/tune-db", "tune db stop --dir tune-db"]),
    ("ask", &["tune ask --study mine --space space.json --metric loss:minimize", "tune ask --study mine"]),
    (
        "tell",
        &[
            "tune tell --study mine --trial 0 --value 0.31",
            "tune tell --study mine --trial 1 --failure 'out of memory'",
            "tune tell --study mine --point '{\"lr\": 0.01}' --value 0.4",
        ],
    ),
    ("serve", &["tune serve --stdio", "tune serve --stdio < requests.jsonl"]),
    ("kurobako", &["kurobako solver command tune kurobako", "tune kurobako --search tpe"]),
    (
        "init",
        &[
            "tune init --dataset my.csv --label kind --out space.json",
            "tune init --dataset pictures --image-size 32 --out space.json",
            "tune init --dataset digits",
        ],
    ),
    ("spaces list", &["tune spaces list", "tune spaces list | grep images"]),
    ("spaces show", &["tune spaces show tables > space.json", "tune spaces show images --summary"]),
    ("chips list", &["tune chips list", "tune chips list | grep loihi"]),
    ("chips show", &["tune chips show loihi1", "tune chips show truenorth --json > mine.json"]),
    ("chips compare", &["tune chips compare loihi1 truenorth", "tune chips compare loihi1 loihi2 odin"]),
    ("data list", &["tune data list", "tune data list | grep built"]),
    ("data fetch", &["tune data fetch mnist", "tune data fetch cifar10"]),
    (
        "status",
        &[
            "tune status",
            "tune status digits --storage postgresql://me@host/tune",
            "tune status digits --json",
        ],
    ),
    ("show", &["tune show", "tune show digits --top 3", "tune show digits --json"]),
    (
        "report",
        &[
            "tune report digits --out report.html",
            "tune report digits iris --format md",
            "tune report digits --watch=8080",
        ],
    ),
    ("pick", &["tune pick best.json knee", "tune pick best.json 'energy within 0.005' --out small.json"]),
    (
        "predict",
        &[
            "tune predict best.safetensors new.csv",
            "tune predict best.safetensors pictures --out classes.csv",
            "cat new.csv | tune predict best.safetensors - --json",
        ],
    ),
    ("list", &["tune list", "tune list --csv > studies.csv", "tune list --storage other.db --json"]),
    ("delete", &["tune delete digits", "tune delete digits --yes"]),
    (
        "enqueue",
        &[
            "tune enqueue digits '{\"redundancy\": 16}'",
            "tune enqueue mine '{\"lr\": 0.01}' --storage other.db",
        ],
    ),
    ("compare", &["tune compare old.json best.json", "tune compare digits digits-loihi1 --json"]),
    (
        "check",
        &[
            "tune check best.json --record",
            "tune check best.json --tolerance 0.5",
            "tune check best.json --fail-over energy=0.000001 --junit check.xml",
        ],
    ),
    (
        "eval",
        &[
            "tune eval best.safetensors --dataset digits",
            "tune eval best.safetensors --dataset digits --chip truenorth",
            "tune eval best.safetensors --dataset digits --faults all --fault-rates 0.1",
        ],
    ),
    ("rerun", &["tune rerun best.json", "tune rerun best.json --seeds 10 --json"]),
    (
        "export csv",
        &["tune export csv --study digits", "tune export csv --study digits --all --out trials.csv"],
    ),
    (
        "export jsonl",
        &["tune export jsonl --study digits", "tune export jsonl --study digits --out trials.jsonl"],
    ),
    (
        "export optuna-journal",
        &[
            "tune export optuna-journal --study digits",
            "tune export optuna-journal --study digits --out digits.log",
        ],
    ),
    (
        "export nir",
        &[
            "tune export nir best.safetensors --out best.nir",
            "tune export nir best.safetensors --out best.nir --chip loihi1 --flavour if",
        ],
    ),
    ("net describe", &["tune net describe 28x28x1-32c5-p2-128-10x16", "tune net describe plan.json --json"]),
    ("schema", &["tune schema space", "tune schema best > best.schema.json"]),
    (
        "completions",
        &[
            "tune completions bash > ~/.local/share/bash-completion/completions/tune",
            "tune completions zsh > ~/.zfunc/_tune",
            "tune completions fish > ~/.config/fish/completions/tune.fish",
        ],
    ),
    ("man", &["tune man ~/.local/share/man/man1", "tune man pages"]),
];

/// The examples of the command at `path`, such as `data list`.
pub(super) fn of(path: &str) -> Option<&'static [&'static str]> {
    EXAMPLES.iter().find(|(command, _)| *command == path).map(|(_, lines)| *lines)
}

/// `lines` as the help shows them.
pub(super) fn text(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// The commands that have examples.
#[cfg(test)]
pub(super) fn paths() -> impl Iterator<Item = &'static str> {
    EXAMPLES.iter().map(|(command, _)| *command)
}
