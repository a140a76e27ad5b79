//! `--heartbeat` and `--heartbeat-timeout`: how workers show that they are alive.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::tuner::Heartbeat;
use crate::units::Seconds;

#[derive(Debug, Args)]
pub(crate) struct HeartbeatArgs {
    /// Time between two heartbeats of a running trial
    #[arg(long, value_name = "DURATION", default_value = "30s", hide_short_help = true)]
    pub heartbeat: Seconds,
    /// Time without a heartbeat after which another worker repeats the trial
    ///
    /// It is at least twice --heartbeat, and must be the same for all workers of a study.
    #[arg(long, alias = "grace", value_name = "DURATION", default_value = "120s", hide_short_help = true)]
    pub heartbeat_timeout: Seconds,
}

impl HeartbeatArgs {
    /// As the tuner takes it.
    ///
    /// # Errors
    /// The timeout is shorter than two heartbeats, or than 2 s.
    pub fn heartbeat(&self) -> Result<Heartbeat> {
        let (Seconds(interval), Seconds(timeout)) = (self.heartbeat, self.heartbeat_timeout);
        // SQLite keeps the time of a heartbeat to the second.
        if timeout < 2.0 * interval || timeout < 2.0 {
            bail!(
                "--heartbeat-timeout {timeout}s: must be at least 2s and twice --heartbeat, which is {interval}s"
            );
        }
        Ok(Heartbeat {
            interval: Duration::from_secs_f64(interval),
            timeout: Duration::from_secs_f64(timeout),
        })
    }
}
