//! Several processes that work at one study: heartbeats, and trials of workers that no longer send
//! any.

use std::thread;
use std::time::{Duration, Instant, SystemTime};

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
    /// The last look at both clocks. That of [`Instant`] stands still while the machine sleeps.
    clocks: (Instant, SystemTime),
    /// No check before: other workers must be able to send a heartbeat first.
    not_before: Instant,
}

impl StaleCheck {
    /// The schedule by `heartbeat`; the first check is due at once.
    pub fn new(heartbeat: Heartbeat) -> Self {
        let now = Instant::now();
        Self { heartbeat, last: None, clocks: (now, SystemTime::now()), not_before: now }
    }

    /// Whether a check is due, which then counts as done. When the machine has slept or its clock was set forward,
    /// every heartbeat looks old. So no check is due for half a timeout after that.
    fn is_due(&mut self, now: Instant, date: SystemTime) -> bool {
        let (last, last_date) = std::mem::replace(&mut self.clocks, (now, date));
        let jump = date.duration_since(last_date).unwrap_or_default().saturating_sub(now - last);
        if jump > self.heartbeat.timeout / 2 {
            self.not_before = now + self.heartbeat.timeout / 2;
        }
        let is_due =
            now >= self.not_before && self.last.is_none_or(|last| now - last >= self.heartbeat.check_every());
        if is_due {
            self.last = Some(now);
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
        if !stale_check.is_due(Instant::now(), SystemTime::now()) {
            return Ok(());
        }
        for lost in self.storage.reap(self.study, self.settings.heartbeat.timeout)? {
            let Lost { trial, worker, again, reason } = lost;
            observe(Event::TrialLost { trial, worker, again, reason });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_machine_slept_other_workers_may_send_a_heartbeat_first() {
        let seconds = Duration::from_secs;
        let mut check = StaleCheck::new(Heartbeat::default());
        let (begin, date) = check.clocks;
        assert!(check.is_due(begin, date));
        assert!(!check.is_due(begin + seconds(14), date + seconds(14)), "a check every 15 s");
        assert!(check.is_due(begin + seconds(16), date + seconds(16)));
        // An hour of sleep, of which only the date knows.
        let date = date + seconds(3600);
        assert!(!check.is_due(begin + seconds(40), date + seconds(40)));
        assert!(!check.is_due(begin + seconds(99), date + seconds(99)));
        assert!(check.is_due(begin + seconds(101), date + seconds(101)));
        // A long training, and a clock that is set back.
        assert!(check.is_due(begin + seconds(900), date + seconds(900)));
        assert!(check.is_due(begin + seconds(920), date));
    }
}
