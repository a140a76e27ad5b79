//! Several processes at one study: signs of life, and what is made of those who give none.

use std::thread;
use std::time::{Duration, Instant};

use super::{End, Event, Tuner, TunerError};
use crate::storage::Lost;

/// How workers show that they are alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// How often a running trial gives a sign of life.
    pub interval: Duration,
    /// How long after the last sign its worker is taken for gone; several times the former, and more than the
    /// second to which SQLite keeps time.
    pub timeout: Duration,
}

impl Default for Heartbeat {
    /// Four signs may go missing.
    fn default() -> Self {
        Self { interval: Duration::from_secs(30), timeout: Duration::from_secs(120) }
    }
}

impl Heartbeat {
    /// How often the others are looked at.
    fn check_every(self) -> Duration {
        self.timeout / 8
    }
}

/// When the others were looked at last.
pub(super) struct StaleCheck {
    heartbeat: Heartbeat,
    last: Option<Instant>,
}

impl StaleCheck {
    pub fn new(heartbeat: Heartbeat) -> Self {
        Self { heartbeat, last: None }
    }

    /// Whether it is time to look.
    fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= self.heartbeat.check_every());
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }

    /// Waits a moment for the others.
    pub fn wait(&self) {
        const LONGEST: Duration = Duration::from_millis(200);
        thread::sleep(self.heartbeat.check_every().min(LONGEST));
    }
}

impl Tuner<'_> {
    /// Evaluates trials of the study as `worker`, beside any number of others, until the budget is spent or `stop`
    /// is set; if it `lingers`, until nobody else's trial may come back to be tried again.
    ///
    /// Whoever dies loses the trial that it was on to the others; a trial that is broken off by `stop` waits for
    /// them at once. Nothing is confirmed: that is for [`Tuner::run`].
    ///
    /// # Errors
    /// The storage fails, or the state of a paused trial cannot be written.
    pub fn work(
        &mut self,
        worker: &str,
        lingers: bool,
        observe: &mut dyn FnMut(Event),
    ) -> Result<End, TunerError> {
        self.storage.work_as(worker);
        self.make_room_for_states()?;
        let study = self.storage.load_study(self.study)?;
        observe(Event::study_started(&study, self.settings.budget));
        let is_done = self.run_trials(worker, lingers, observe)?;
        let study = self.storage.load_study(self.study)?;
        match is_done {
            false => observe(Event::Interrupted { finished: study.finished() }),
            true => observe(Event::study_finished(&study)),
        }
        Ok(if is_done { End::Done } else { End::Interrupted })
    }

    /// Takes the trials of workers that gave no sign of life for too long, if it is time to look.
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
