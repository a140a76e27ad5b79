//! `--heartbeat` and `--heartbeat-timeout`: how often workers show that they are alive.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;

use crate::tuner::Heartbeat;
use crate::units::Seconds;

#[derive(Debug, Args)]
pub(crate) struct HeartbeatArgs {
    /// Time between two heartbeats, such as 60s or 2m
    ///
    /// A heartbeat is an entry in the database by which a worker shows that it is alive.
    #[arg(long, value_name = "DURATION", default_value = "30s", hide_short_help = true)]
    pub heartbeat: Seconds,
    /// Time without a heartbeat after which a trial is lost
    ///
    /// Such as 5m. Another worker then repeats the trial.
    ///
    /// The time must be at least twice --heartbeat, and the same for all workers of a study.
    #[arg(long, alias = "grace", value_name = "DURATION", default_value = "120s", hide_short_help = true)]
    pub heartbeat_timeout: Seconds,
}

impl HeartbeatArgs {
    /// The settings of the heartbeat as the tuner takes them.
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
