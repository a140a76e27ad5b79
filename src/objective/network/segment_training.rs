//! The training of one trial in segments, the parts between two pauses: it begins or resumes, runs,
//! and pauses.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::failure::{broke_down, invalid};
use super::plan::Plan;
use crate::data::Coded;
use crate::network::Network;
use crate::objective::{Observer, Pause, Segment, SegmentEnd};
use crate::seed::Seed;
use crate::study::{Failure, Rung};
use crate::training::{Checkpoint, EpochReport, Summary, Trainer, TrainingError};

/// The plan, data and seeds of a trial's training, the same in each of its segments.
pub(super) struct SegmentTraining {
    pub plan: Plan,
    pub train: Coded,
    pub validation: Coded,
    /// Seed of the initial weights.
    pub network_seed: Seed,
    /// Seed of all random draws of the training.
    pub training_seed: Seed,
    /// A switch that breaks the training off, even within an epoch.
    pub stop: Option<&'static AtomicBool>,
}

/// How far a training ran.
pub(super) enum Reached {
    /// To the rung: the epoch at which it pauses.
    Rung,
    /// To its last epoch.
    End(Summary),
}

impl SegmentTraining {
    /// The network before its first epoch.
    ///
    /// # Errors
    /// The plan describes no network.
    pub fn network(&self) -> Result<Network, Failure> {
        Network::build(&self.plan.spec, &self.network_seed).map_err(invalid)
    }

    /// The checkpoint that `segment` continues from, if it has one. If it cannot be used, the text
    /// says why, and the training begins at the start.
    pub fn checkpoint(&self, segment: &Segment) -> (Option<Checkpoint>, Option<String>) {
        match segment.from.as_deref().map(|name| self.load(name)).transpose() {
            Ok(checkpoint) => (checkpoint, None),
            Err(reason) => (None, Some(reason)),
        }
    }

    /// Loads the checkpoint called `name`. The error says what is wrong with it.
    fn load(&self, name: &Path) -> Result<Checkpoint, String> {
        let file = file(name);
        let problem = |problem: String| format!("{}: {problem}", file.display());
        let checkpoint = Checkpoint::load(&file).map_err(|error| problem(error.to_string()))?;
        self.try_resume(&checkpoint).map_err(problem)?;
        Ok(checkpoint)
    }

    /// Checks that `checkpoint` fits, by resuming a network that is thrown away. A checkpoint that
    /// does not fit would leave the network half changed.
    fn try_resume(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let mut network = self.network().map_err(|failure| failure.reason)?;
        self.resume(&mut network, checkpoint).map(drop).map_err(|failure| failure.reason)
    }

    fn resume<'a>(
        &'a self,
        network: &'a mut Network,
        checkpoint: &Checkpoint,
    ) -> Result<Trainer<'a>, Failure> {
        let (config, seed) = (&self.plan.training, &self.training_seed);
        Trainer::resume(network, &self.train, &self.validation, config, seed, checkpoint).map_err(broke_down)
    }

    /// Starts the training of `network`, from `checkpoint` or from the start; `None` if it was
    /// stopped.
    ///
    /// # Errors
    /// The settings do not fit the samples, or the training of a teacher network breaks down.
    pub fn begin<'a>(
        &'a self,
        network: &'a mut Network,
        checkpoint: Option<&Checkpoint>,
    ) -> Result<Option<Trainer<'a>>, Failure> {
        let (config, seed) = (&self.plan.training, &self.training_seed);
        if let Some(checkpoint) = checkpoint {
            return Ok(Some(self.resume(network, checkpoint)?.with_stop(self.stop)));
        }
        unless_stopped(Trainer::stoppable(network, &self.train, &self.validation, config, seed, self.stop))
    }

    /// The epoch after which the training pauses at `pause`.
    pub fn rung(&self, pause: &Pause) -> u32 {
        self.plan.training.epochs.div_ceil(pause.divisor)
    }
}

/// Runs `trainer` until epoch `until`, or to the end of the training if that is `None`. `trainer`
/// has already done the epochs of `checkpoint`. Every epoch is reported to `observer`. `None` if
/// the observer or a switch broke the training off.
///
/// # Errors
/// The training breaks down.
pub(super) fn run_until(
    trainer: &mut Trainer<'_>,
    checkpoint: Option<&Checkpoint>,
    until: Option<u32>,
    observer: &mut Observer<'_>,
) -> Result<Option<Reached>, Failure> {
    let done = checkpoint.map_or(0, Checkpoint::epochs);
    if until.is_some_and(|until| until <= done) {
        return Ok(Some(Reached::Rung));
    }
    let mut is_broken_off = false;
    let mut observe = |epoch: &EpochReport| {
        is_broken_off = observer(epoch.epoch, epoch.validation_accuracy).is_break();
        match is_broken_off || until == Some(epoch.epoch) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let Some(summary) = unless_stopped(trainer.run(&mut observe))? else { return Ok(None) };
    Ok(match trainer.is_done() {
        _ if is_broken_off => None,
        true => Some(Reached::End(summary)),
        false => Some(Reached::Rung),
    })
}

/// `result`, or `None` if the training was stopped.
fn unless_stopped<T>(result: Result<T, TrainingError>) -> Result<Option<T>, Failure> {
    match result {
        Err(TrainingError::Stopped { .. }) => Ok(None),
        result => result.map(Some).map_err(broke_down),
    }
}

/// Writes `checkpoint` to the file that `pause` names, and returns how the segment ended.
pub(super) fn paused(checkpoint: &Checkpoint, pause: &Pause, rung: Rung) -> SegmentEnd {
    let file = file(&pause.checkpoint);
    match checkpoint.save(&file) {
        Ok(()) => SegmentEnd::Paused(rung),
        Err(error) => SegmentEnd::Unsaved(file, error),
    }
}

/// The file of the checkpoint called `name`.
fn file(name: &Path) -> PathBuf {
    name.with_extension("safetensors")
}
