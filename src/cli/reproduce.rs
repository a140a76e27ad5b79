//! The command line that makes the same result again, from the parsed arguments.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

/// Options that change where and how a study runs, but not its result.
const WITHOUT_EFFECT: [&str; 17] = [
    "against",
    "config",
    "fresh",
    "force",
    "retry_failed",
    "max_failures",
    "prepare",
    "json",
    "quiet",
    "threads",
    "heartbeat",
    "heartbeat_timeout",
    "data_dir",
    "offline",
    "checkpoint_dir",
    "fail_under",
    "help",
];

/// Options that most studies do not use: left out unless they were typed.
const ONLY_IF_TYPED: [&str; 6] = ["faults", "fault_rates", "fault_maps", "refine", "study", "storage"];

/// The command line of `command` with its parsed arguments `matches`, quoted for a shell. It has
/// `tune`, the subcommand and every option that shapes the result. An option that was not typed has
/// its default.
pub(super) fn command_line(command: &Command, matches: &ArgMatches) -> String {
    let mut words = vec!["tune".to_owned()];
    let (command, matches) = match matches.subcommand() {
        Some((name, matches)) => {
            words.push(name.to_owned());
            (command.find_subcommand(name).expect("it was parsed"), matches)
        }
        None => (command, matches),
    };
    for argument in command.get_arguments() {
        words.extend(spelled(argument, matches));
    }
    // The only character that cannot be quoted is NUL, and a typed argument cannot hold it.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// The command line `command` with `value` for the option `--name`, in place of what it says of it.
pub(super) fn with_option(command: &str, name: &str, value: &str) -> String {
    if command.is_empty() {
        return String::new();
    }
    let words = option(name, value.to_owned());
    let added = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "));
    format!("{} {added}", without_option(command, name))
}

/// The command line `command` without the option `--name` and its value.
pub(super) fn without_option(command: &str, name: &str) -> String {
    let (flag, joined) = (format!("--{name}"), format!("--{name}="));
    let Some(words) = shlex::split(command) else { return command.to_owned() };
    let mut kept: Vec<String> = Vec::new();
    let mut is_value = false;
    for word in words {
        match std::mem::replace(&mut is_value, word == flag) {
            false if word != flag && !word.starts_with(&joined) => kept.push(word),
            _ => {}
        }
    }
    shlex::try_join(kept.iter().map(String::as_str)).unwrap_or_else(|_| kept.join(" "))
}

/// The words of one argument on the command line; none if it has no value or no effect on the
/// result.
fn spelled(argument: &Arg, matches: &ArgMatches) -> Vec<String> {
    let id = argument.get_id().as_str();
    let Some(source) = matches.value_source(id) else { return Vec::new() };
    let is_typed = source == ValueSource::CommandLine;
    if WITHOUT_EFFECT.contains(&id) || (!is_typed && ONLY_IF_TYPED.contains(&id)) {
        return Vec::new();
    }
    let Some(name) = argument.get_long() else { return Vec::new() };
    if matches!(argument.get_action(), ArgAction::SetTrue) {
        return if matches.get_flag(id) { vec![format!("--{name}")] } else { Vec::new() };
    }
    let values = matches.get_raw(id).unwrap_or_default().map(|value| value.to_string_lossy().into_owned());
    let values: Vec<String> = match argument.get_value_delimiter() {
        Some(delimiter) => vec![values.collect::<Vec<_>>().join(&delimiter.to_string())],
        None => values.collect(),
    };
    values.into_iter().flat_map(|value| option(name, value)).collect()
}

/// An option and its value: one word (`--name=value`) if the value looks like an option, else two.
fn option(name: &str, value: String) -> Vec<String> {
    match value.starts_with('-') {
        true => vec![format!("--{name}={value}")],
        false => vec![format!("--{name}"), value],
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::command::Cli;

    fn reproduced(line: &str) -> String {
        let matches = Cli::command().get_matches_from(shlex::split(line).expect("words"));
        command_line(&Cli::command(), &matches)
    }

    #[test]
    fn a_command_line_has_all_that_shapes_the_result_and_nothing_else() {
        let line = "tune --dataset 'my data.csv' --label y --budget 7 --deterministic --workers 2 --metric accuracy \
            --metric energy --reference 0.5,-2 --study mine --storage s.db --threads 3 --quiet";
        let expected = "tune --dataset 'my data.csv' --label y --chip ideal --budget 7 --search bayes \
            --reference '0.5,-2' --seed 0 --seeds-per-trial 1 --confirm-seeds 3 --out best.json --storage s.db \
            --study mine --workers 2 --deterministic --fidelity off --metric accuracy --metric energy --validation 0.2";
        assert_eq!(reproduced(line), expected);
    }

    #[test]
    fn an_option_is_replaced_or_added() {
        let line = "tune --dataset 'my data.csv' --pick 'energy within 0.1' --out=best.json --budget 3";
        let other = with_option(&with_option(line, "pick", "20"), "out", "my knee.json");
        assert_eq!(other, "tune --dataset 'my data.csv' --budget 3 --pick 20 --out 'my knee.json'");
        assert_eq!(with_option("tune --dataset iris", "pick", "3"), "tune --dataset iris --pick 3");
        assert_eq!(with_option("", "pick", "3"), "", "a study of another program has no command");
    }

    #[test]
    fn it_is_the_same_when_it_is_parsed_again() {
        for line in [
            "tune --dataset iris --chip loihi1 --stop-when target=0.9 --stop-when time=2h --memory 1G --metric robustness \
             --faults all --fault-rates 0.1,0.2",
            "tune run --command './f --x={x}' --space s.json --metric loss:min --metric size:max --reference=-1,-2 \
             --fidelity asha --steps 27 --trial-timeout 90s",
        ] {
            let once = reproduced(line);
            assert_eq!(reproduced(&once), once);
        }
    }

    #[test]
    fn every_option_without_effect_is_an_option() {
        let command = Cli::command();
        let [run, init] = ["run", "init"].map(|name| command.find_subcommand(name).expect("a command"));
        for id in WITHOUT_EFFECT.iter().chain(&ONLY_IF_TYPED).filter(|&&id| id != "help") {
            let has = |command: &Command| command.get_arguments().any(|argument| argument.get_id() == id);
            assert!(has(&command) || has(run) || has(init), "{id}");
        }
    }
}
