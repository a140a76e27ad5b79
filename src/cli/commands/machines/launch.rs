//! `tune launch`: workers of a study under the scheduler of a cluster.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use crate::cli::options::storage::StorageArgs;
use crate::cli::setup::output::{Inputs, Output};
use crate::cli::shown::exit::{Exit, WhileRunning};
use crate::cli::{setup::open, shown::streams};
use crate::storage::Location;
use crate::study::Job;

#[derive(Debug, Subcommand)]
pub(crate) enum LaunchCommand {
    /// Write the script of a Slurm job that runs workers
    ///
    /// The job runs `tune worker` on every node. --submit also submits it.
    Slurm(SlurmArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SlurmArgs {
    /// Name of the study, if the storage holds several
    #[arg(long, value_name = "NAME")]
    pub study: Option<String>,
    #[command(flatten)]
    pub storage: StorageArgs,
    /// Number of nodes of the job; each runs one worker process
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub nodes: u32,
    /// Number of independent jobs (a job array)
    ///
    /// Each has --nodes nodes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub array: Option<u32>,
    /// Time limit of the job, such as 2:00:00
    ///
    /// As Slurm writes it: 2:00:00, 1-12:00:00, or 90 for minutes.
    ///
    /// Slurm signals the workers 60 seconds before the limit. They hand their running trials back
    /// to the study.
    #[arg(long, value_name = "TIME", value_parser = slurm_time)]
    pub time: String,
    /// Number of trials that run at the same time on each node
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: u16,
    /// Number of cores to request on each node
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub cpus: Option<u16>,
    /// Slurm partition (queue) for the job
    #[arg(long, value_name = "NAME", value_parser = one_word)]
    pub partition: Option<String>,
    /// Slurm account that the job is charged to
    #[arg(long, value_name = "NAME", value_parser = one_word)]
    pub account: Option<String>,
    /// Further options for `tune worker`, in one text
    ///
    /// Such as '--data-dir /scratch/data'.
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub worker_options: Option<String>,
    /// File for the batch script
    ///
    /// If left out, the script is printed, unless --submit is given.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Submit the script to Slurm with sbatch
    #[arg(long)]
    pub submit: bool,
}

/// Writes a batch script, or submits it.
pub(crate) fn run(command: &LaunchCommand) -> Result<Exit> {
    let LaunchCommand::Slurm(args) = command;
    let database = &args.storage.storage;
    let machines = args.nodes.max(args.array.unwrap_or(1));
    if database.file().is_some() && machines > 1 {
        bail!(
            "--storage {database}: a file is for the processes of one machine: use postgresql://, which tune db start \
             sets up"
        );
    }
    let mut storage = open::to_read(database)?;
    let key = open::the_study(&mut *storage, database, args.study.as_deref())?;
    let study = storage.load_study(key)?;
    if Job::of(&study).is_none() {
        bail!(
            "study {}: workers cannot join it: make it with tune --prepare or tune run --prepare",
            study.name
        );
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let script = script(args, &whole(database), &study.name, &program.display().to_string())?;
    if let Some(file) = &args.out {
        Output::check(file, &Inputs::default().with_storage(database))?.write(&script)?;
        streams::say(format_args!("written to {}", file.display()));
    }
    if args.submit {
        submit(&script)?;
    } else if args.out.is_none() {
        streams::print(&script)?;
    }
    Ok(Exit::Done)
}

/// The address of the storage, with an absolute path: the job may start in another folder.
fn whole(database: &Location) -> String {
    let file = database.file().and_then(|file| std::path::absolute(file).ok());
    file.map_or_else(|| database.to_string(), |file| file.display().to_string())
}

fn script(args: &SlurmArgs, storage: &str, study: &str, program: &str) -> Result<String> {
    let mut lines = vec!["#!/bin/bash".to_owned()];
    let mut option = |name: &str, value: String| lines.push(format!("#SBATCH --{name}={value}"));
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    option("job-name", format!("tune-{}", study.chars().map(plain).collect::<String>()));
    option("nodes", args.nodes.to_string());
    option("ntasks-per-node", "1".to_owned());
    if let Some(cpus) = args.cpus {
        option("cpus-per-task", cpus.to_string());
    }
    option("time", args.time.clone());
    if let Some(jobs) = args.array {
        option("array", format!("0-{}", jobs - 1));
    }
    for (name, value) in [("partition", &args.partition), ("account", &args.account)] {
        if let Some(value) = value {
            option(name, value.clone());
        }
    }
    // A minute before the time limit Slurm signals the workers; every worker hands its trials back.
    option("signal", "TERM@60".to_owned());
    let workers = args.workers.to_string();
    let mut words =
        vec![program, "worker", "--storage", storage, "--study", study, "--workers", &workers, "--quiet"];
    let more = args.worker_options.as_deref().unwrap_or_default();
    let more = shlex::split(more)
        .with_context(|| format!("--worker-options {more}: a quotation mark is not closed"))?;
    words.extend(more.iter().map(String::as_str));
    let worker = shlex::try_join(words).context("a name holds a character that no shell takes")?;
    let about = "# Workers need no leader: any of them may start late or die, and the others go on.";
    lines.extend([about.to_owned(), format!("srun --kill-on-bad-exit=0 --wait=0 {worker}")]);
    Ok(lines.join("\n") + "\n")
}

fn submit(script: &str) -> Result<()> {
    let mut sbatch = Command::new("sbatch")
        .stdin(Stdio::piped())
        .spawn()
        .context("--submit: cannot start sbatch: submit where Slurm is")?;
    if let Some(mut input) = sbatch.stdin.take() {
        input.write_all(script.as_bytes()).context("--submit: sbatch does not read the script")?;
    }
    match sbatch.wait()?.success() {
        true => Ok(()),
        false => Err(WhileRunning("--submit: sbatch has refused the job".to_owned()).into()),
    }
}

fn slurm_time(text: &str) -> Result<String, String> {
    let is_time = text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '-');
    if is_time {
        Ok(text.to_owned())
    } else {
        Err("must be a time of Slurm, such as 2:00:00 or 1-12:00:00".to_owned())
    }
}

fn one_word(text: &str) -> Result<String, String> {
    let is_word = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if is_word { Ok(text.to_owned()) } else { Err("must be one word".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SlurmArgs,
    }

    #[test]
    fn the_script_has_all_that_was_asked_for() {
        let line = "slurm --nodes 8 --array 3 --time 2:00:00 --workers 4 --cpus 16 --account x --worker-options '--data-dir /d'";
        let line = Line::parse_from(shlex::split(line).unwrap());
        let script =
            script(&line.args, "postgresql://me@db/tune?sslmode=require", "a study", "/opt/tune").unwrap();
        let expected = "#!/bin/bash\n#SBATCH --job-name=tune-a_study\n#SBATCH --nodes=8\n#SBATCH --ntasks-per-node=1\n\
            #SBATCH --cpus-per-task=16\n#SBATCH --time=2:00:00\n#SBATCH --array=0-2\n#SBATCH --account=x\n\
            #SBATCH --signal=TERM@60\n\
            # Workers need no leader: any of them may start late or die, and the others go on.\n\
            srun --kill-on-bad-exit=0 --wait=0 /opt/tune worker --storage 'postgresql://me@db/tune?sslmode=require' \
            --study 'a study' --workers 4 --quiet --data-dir /d\n";
        assert_eq!(script, expected);
    }

    #[test]
    fn what_would_break_the_script_is_refused() {
        assert!(
            slurm_time("2:00:00").is_ok() && slurm_time("soon").is_err() && slurm_time("1\n#SBATCH").is_err()
        );
        assert!(one_word("gpu").is_ok() && one_word("a b").is_err() && one_word("").is_err());
    }
}
