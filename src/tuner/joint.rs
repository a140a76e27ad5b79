//! Several processes that work at one study: heartbeats, and trials of workers that no longer send
//! any.

use std::thread;
use std::time::{Duration, Instant};

use super::kept_network::KeptNetwork;
use super::{End, Event, Tuner, TunerError};
use crate::storage::Lost;

/// The heartbeats by which workers show that they are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Time between two heartbeats of a running trial.
    pub interval: Duration,
    /// Time after the last heartbeat until a worker counts as dead. It should be several intervals,
    /// and more than a second, the precision of SQLite's clock.
    pub timeout: Duration,
}

impl Default for Heartbeat {
    /// A heartbeat every 30 s, with a timeout of four intervals.
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), timeout: Duration::from_secs(120) }
    }
}

impl Heartbeat {
    /// Time between two checks whether other workers are alive.
    fn check_every(self) -> Duration {
        self.timeout / 8
    }
}

/// The schedule of checks for dead workers.
pub(super) struct StaleCheck {
    heartbeat: Heartbeat,
    last: Option<Instant>,
}

impl StaleCheck {
    /// The schedule by `heartbeat`; the first check is due at once.
    pub fn new(heartbeat: Heartbeat) -> Self {
        Self { heartbeat, last: None }
    }

    /// Whether a check is due, which then counts as done.
    fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= self.heartbeat.check_every());
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }

    /// Waits a moment for other workers.
    pub fn wait(&self) {
        const LONGEST: Duration = Duration::from_millis(200);
        thread::sleep(self.heartbeat.check_every().min(LONGEST));
    }
}

impl Tuner<'_> {
    /// Evaluates trials of the study as `worker`, beside any number of other workers, until the
    /// budget is spent or `stop` is set. If it `lingers`, it also waits until no trial of another
    /// worker can come back.
    ///
    /// If a worker dies, other workers get its trial. If a trial is broken off by `stop`, other
    /// workers get it at once. A worker does not confirm the best trials: that is done by
    /// [`Tuner::run`].
    ///
    /// # Errors
    /// The storage fails, or the checkpoint of a paused trial cannot be written.
    pub fn work(
        &mut self,
        worker: &str,
        lingers: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<End, TunerError> {
        self.storage.work_as(worker);
        self.create_checkpoint_dir()?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::study_started(&study, self.settings.budget));
        observe(self.changed(&study));
        let is_done = self.run_trials(worker, lingers, &mut KeptNetwork::new(false), observe)?;
        let study = self.storage.load_study(self.study)?;
        match is_done {
            false => observe(Event::Interrupted { finished: study.ended().count() }),
            true => observe(Event::study_finished(&study)),
        }
        Ok(if is_done { End::Done } else { End::Interrupted })
    }

    /// If a check is due, takes the trials of workers that sent no heartbeat for too long.
    pub(super) fn check_for_stale_workers(
        &mut self,
        stale_check: &mut StaleCheck,
        observe: &mut dyn FnMut(Event),
    ) -> Result<(), TunerError> {
        if !stale_check.is_due() {
            return Ok(());
        }
        for lost in self.storage.reap(self.study, self.settings.heartbeat.timeout)? {
            let Lost { trial, worker, again, reason } = lost;
            observe(Event::TrialLost { trial, worker, again, reason });
        }
        Ok(())
    }
}
