//! The headings under which options stand in the help, and the main options of the largest commands.

/// The heading of options about what is printed.
pub(super) const OUTPUT: &str = "Output";

/// Headings, each with the names of its options in the code.
const HEADINGS: [(&str, &[&str]); 9] = [
    (
        "Data",
        &["dataset", "label", "header", "channels", "data_dir", "offline", "like", "array", "batch", "part"],
    ),
    ("Tables", &["drop", "categorical", "missing", "decimal", "test", "group"]),
    ("Pictures", &["labels", "image_size", "grey", "skip_broken"]),
    (
        "Search",
        &[
            "space",
            "budget",
            "search",
            "fidelity",
            "steps",
            "refine",
            "reference",
            "stop_when",
            "max_failures",
            "warm_start",
            "seed",
            "seeds_per_trial",
            "validation",
            "folds",
        ],
    ),
    (
        "Chip and metrics",
        &[
            "chip",
            "metric",
            "constraint",
            "faults",
            "fault_rates",
            "fault_maps",
            "input_coding",
            "weight_bits",
            "time_step",
        ],
    ),
    ("Command", &["command", "trial_timeout"]),
    (
        "Winner",
        &[
            "confirm",
            "confirm_seeds",
            "pick",
            "against",
            "keep_disk",
            "fail_under",
            "fail_over",
            "out",
            "predictions",
        ],
    ),
    ("Study", &["study", "storage", "config", "fresh", "retry_failed", "prepare"]),
    (
        "Machine",
        &[
            "workers",
            "deterministic",
            "threads",
            "memory",
            "checkpoint_dir",
            "heartbeat",
            "heartbeat_timeout",
            "name",
            "no_linger",
        ],
    ),
];

/// Options about what is printed.
const OF_OUTPUT: [&str; 5] = ["json", "quiet", "junit", "openmetrics", "github"];

/// The main options of the program itself.
const OF_PROGRAM: [&str; 7] = ["dataset", "space", "chip", "metric", "budget", "out", "config"];

/// The main options of `tune run`.
const OF_RUN: [&str; 16] = [
    "command",
    "space",
    "metric",
    "budget",
    "search",
    "fidelity",
    "steps",
    "trial_timeout",
    "stop_when",
    "seed",
    "confirm",
    "out",
    "study",
    "storage",
    "workers",
    "config",
];

/// The main options of `tune eval`.
const OF_EVAL: [&str; 11] = [
    "dataset",
    "label",
    "part",
    "chip",
    "input_coding",
    "weight_bits",
    "faults",
    "fault_rates",
    "fail_under",
    "predictions",
    "json",
];

/// The heading of the option `id`; `None` if it stands under no special one.
pub(super) fn of(id: &str) -> Option<&'static str> {
    let named = HEADINGS.iter().find(|(_, ids)| ids.contains(&id)).map(|(heading, _)| *heading);
    named.or(OF_OUTPUT.contains(&id).then_some(OUTPUT))
}

/// The options that the short help of the command at `path` shows; `None` if it shows all.
pub(super) fn main_options(path: &str) -> Option<&'static [&'static str]> {
    match path {
        "" => Some(&OF_PROGRAM),
        "run" => Some(&OF_RUN),
        "eval" => Some(&OF_EVAL),
        _ => None,
    }
}

/// The names of all options that have a heading.
#[cfg(test)]
pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    HEADINGS.iter().flat_map(|(_, ids)| ids.iter().copied()).chain(OF_OUTPUT)
}
