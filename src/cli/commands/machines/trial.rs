//! `tune trial`: evaluates one trial in a process of its own. `tune worker` starts it.

use std::io::BufRead;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail};

use crate::cli::setup::job::WorkerJob;
use crate::cli::setup::machine;
use crate::cli::shown::exit::Exit;
use crate::cli::shown::streams::{self, Reader};
use crate::objective::isolated::{TrialReply, TrialRequest};

/// Reads a trial request from standard input, evaluates it, and reports its progress on standard output.
pub(crate) fn run() -> Result<Exit> {
    end_with_the_worker();
    let mut lines = std::io::stdin().lock().lines();
    let Some(line) = lines.next().transpose()? else {
        bail!("no trial request on standard input: tune worker gives it");
    };
    let request: TrialRequest = serde_json::from_str(&line).context("trial request")?;
    let job: WorkerJob = serde_json::from_value(request.work.clone()).context("trial request")?;
    machine::use_threads(u16::try_from(request.threads).ok())?;
    let objective = job.objective()?;
    let mut tell = |answer: &TrialReply| {
        let text = serde_json::to_string(answer).expect("text and finite numbers are JSON");
        // The trial ends if nobody reads its reports.
        if !matches!(streams::print_line(text), Ok(Reader::Reads)) {
            return ControlFlow::Break(());
        }
        match (answer, lines.next()) {
            (TrialReply::Step { .. }, Some(Ok(goes_on))) if goes_on == "true" => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    };
    request.carry_out(&objective, &mut tell).map_err(anyhow::Error::msg)?;
    Ok(Exit::Done)
}

/// Asks the kernel to kill this process when its worker dies; other workers then repeat the trial.
#[cfg(target_os = "linux")]
fn end_with_the_worker() {
    use rustix::process::{Signal, set_parent_process_death_signal};

    // Without this call of the kernel, the trial ends at the next report that nobody reads.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

#[cfg(not(target_os = "linux"))]
fn end_with_the_worker() {}
