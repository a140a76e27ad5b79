//! One trial in a process of its own, for a worker of this program.

use std::io::{BufRead, Write};
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail};

use crate::cli::setup::job::Work;
use crate::cli::setup::machine;
use crate::cli::shown::exit::Exit;
use crate::objective::isolated::{TrialReply, TrialRequest};

/// Reads an order from standard input, evaluates it, and tells how it goes on standard output.
pub(crate) fn run() -> Result<Exit> {
    end_with_the_worker();
    let mut lines = std::io::stdin().lock().lines();
    let Some(line) = lines.next().transpose()? else {
        bail!("no order on standard input: tune worker gives it");
    };
    let order: TrialRequest = serde_json::from_str(&line).context("order")?;
    let work: Work = serde_json::from_value(order.work.clone()).context("order")?;
    machine::use_threads(Some(work.threads))?;
    let objective = work.objective()?;
    let mut tell = |answer: &TrialReply| {
        let text = serde_json::to_string(answer).expect("text and finite numbers are JSON");
        let mut out = std::io::stdout().lock();
        // Without anybody who listens there is nothing to go on for.
        if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
            return ControlFlow::Break(());
        }
        match (answer, lines.next()) {
            (TrialReply::Step { .. }, Some(Ok(goes_on))) if goes_on == "true" => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    };
    order.carry_out(&objective, &mut tell).map_err(anyhow::Error::msg)?;
    Ok(Exit::Done)
}

/// A worker that is killed takes its trial with it, which others then try again.
#[cfg(target_os = "linux")]
fn end_with_the_worker() {
    use rustix::process::{Signal, set_parent_process_death_signal};

    // Where the kernel does not know this, the next line that nobody reads ends the trial.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

#[cfg(not(target_os = "linux"))]
fn end_with_the_worker() {}
