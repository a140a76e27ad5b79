//! Remarks for people: what is unexpected about a study or a network, and what to do.

use std::fmt;

use super::status::failures;
use crate::study::{
    Confirmation, ExternalSetup, Repeat, Setup, Study, Trial, TrialState, validation_samples,
};
use crate::units::digits;

/// Failures are many if at least one in this number of trials failed.
const MANY: usize = 4;
/// With fewer failures than this there is no remark: they may be chance.
const FEWEST_FAILURES: usize = 2;
/// The name of the metric that is measured in steps of one validation sample.
const ACCURACY: &str = "accuracy";

/// A remark. Its text says what is wrong, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Remark {
    /// The chip takes only spikes, so graded inputs are not searched.
    NoGradedInput {
        /// The chip.
        chip: String,
        /// Whether several codings are left, so that the search still chooses among them.
        is_searched: bool,
    },
    /// A column of the table has another value in each sample.
    IdentifierColumn {
        /// Its name in quotes, or its number.
        column: String,
    },
    /// The search knows results from elsewhere.
    WarmStart {
        /// The table or the study that they come from.
        source: String,
        /// Number of results.
        known: usize,
        /// Number of failed trials among the results.
        failed: usize,
        /// Number of results that are left out, and why, if there are any.
        left_out: Option<(usize, String)>,
    },
    /// The script that the study's command runs has changed since the last run.
    ChangedScript {
        /// The file of the script.
        file: String,
    },
    /// The space has got parameters since the study began.
    AddedParameters {
        /// The values with which the trials so far count, such as `dropout = 0.1`.
        values: String,
        /// Those of the values that are not in the space; empty if all are.
        outside: String,
    },
    /// New trials keep values that the user has fixed.
    Fixed {
        /// The values, such as `width_1=256`.
        values: String,
    },
    /// Failed trials of earlier runs are tried again.
    RetriedFailed {
        /// Number of trials that wait to be tried again.
        count: u32,
        /// Number of failed trainings of the confirmation, which is done again.
        seeds: usize,
    },
    /// The result goes to a device or a FIFO (named pipe), so no network is saved beside it.
    NoModelFile {
        /// The device or FIFO.
        out: String,
    },
    /// The file of a network does not say how inputs are coded.
    AssumedCoding {
        /// The chip that takes plain spikes.
        chip: String,
        /// The coding that is used.
        coding: String,
    },
    /// The file of a network does not say how its inputs were scaled.
    UnknownScaling {
        /// The file.
        model: String,
    },
    /// A network is scored on other data than those that it was trained on.
    NotTrainedOn {
        /// The name of the data set.
        dataset: String,
        /// Whether a part of it was asked for.
        is_part: bool,
    },
    /// A network is scored on a part of the data of its training, which it or its choice has seen.
    KnownPart {
        /// The name of the data set.
        dataset: String,
        /// Whether the network learnt from the samples; else it was chosen by them.
        is_training: bool,
    },
    /// Many of the trials failed.
    ManyFailed {
        /// The number of failed trials, at least 1.
        failed: usize,
        /// The number of ended trials.
        ended: usize,
        /// The most frequent reason, and the number of trials that failed for it.
        most: (String, usize),
    },
    /// Every trial with values breaks a constraint.
    NothingFeasible {
        /// The number of the trial that is nearest to keeping all.
        nearest: u32,
        /// Its first metric.
        value: f64,
        /// By how much it breaks constraints, in their sum.
        excess: f64,
    },
    /// Some trials have fewer constraints than others.
    UnevenConstraints {
        /// The number of complete trials that have fewer.
        fewer: usize,
        /// The number of complete trials.
        complete: usize,
        /// The number of constraints of the others.
        most: usize,
    },
    /// The winner has fresh seeds that failed.
    FailedSeeds {
        /// The number of the winner.
        trial: u32,
        /// Number of failed seeds, at least 1.
        failed: usize,
        /// Number of seeds.
        seeds: usize,
        /// The reason of the first.
        reason: String,
        /// Whether a command evaluates the trials, which can be mended.
        is_of_command: bool,
    },
    /// One trial is better than all others in every metric, so there is no choice between metrics.
    SinglePointFront {
        /// The number of this trial.
        trial: u32,
        /// The names of the metrics.
        metrics: Vec<String>,
    },
    /// The best trials have the same accuracy, since the validation part has too few samples to
    /// tell them apart.
    CoarseValidation {
        /// The number of validation samples.
        samples: usize,
        /// The number of best trials that have the same accuracy, at least 2.
        tied: usize,
        /// The accuracy of these trials.
        accuracy: f64,
        /// Whether every training sample was scored already, by cross-validation.
        is_whole: bool,
    },
}

impl Remark {
    /// Remarks on the trials of `study`; none if nothing is unexpected.
    pub fn of(study: &Study) -> Vec<Self> {
        let remarks = [
            many_failed(study),
            nothing_feasible(study),
            uneven_constraints(study),
            failed_seeds(study),
            single_point_front(study),
            coarse_validation(study),
        ];
        remarks.into_iter().flatten().collect()
    }
}

fn many_failed(study: &Study) -> Option<Remark> {
    let reasons = failures(study);
    let failed: usize = reasons.iter().map(|(_, count)| count).sum();
    let ended = study.ended().count();
    let is_many = failed >= FEWEST_FAILURES && failed * MANY >= ended;
    let most = reasons.into_iter().next().filter(|_| is_many)?;
    Some(Remark::ManyFailed { failed, ended, most })
}

fn nothing_feasible(study: &Study) -> Option<Remark> {
    let excess = |trial: &Trial| trial.constraints.iter().filter(|&&excess| excess > 0.0).sum::<f64>();
    let complete = study.in_state(TrialState::Complete);
    let nearest =
        complete.min_by(|a, b| excess(a).total_cmp(&excess(b))).filter(|nearest| excess(nearest) > 0.0)?;
    let value = *nearest.values.first()?;
    Some(Remark::NothingFeasible { nearest: nearest.number, value, excess: excess(nearest) })
}

fn uneven_constraints(study: &Study) -> Option<Remark> {
    let counts: Vec<usize> =
        study.in_state(TrialState::Complete).map(|trial| trial.constraints.len()).collect();
    let most = counts.iter().copied().max()?;
    let fewer = counts.iter().filter(|&&count| count < most).count();
    (fewer > 0).then_some(Remark::UnevenConstraints { fewer, complete: counts.len(), most })
}

fn failed_seeds(study: &Study) -> Option<Remark> {
    let confirmation = Confirmation::of(study)?;
    let winner = confirmation.candidates.first()?;
    let failed: Vec<&Repeat> = winner.repeats.iter().filter(|repeat| repeat.value.is_none()).collect();
    let reason = failed.first()?.attributes.get("reason").and_then(|reason| reason.as_str());
    let reason = reason.unwrap_or("no reason kept").to_owned();
    let is_of_command = ExternalSetup::of(study).is_some();
    let (failed, seeds) = (failed.len(), winner.repeats.len());
    Some(Remark::FailedSeeds { trial: winner.trial, failed, seeds, reason, is_of_command })
}

fn single_point_front(study: &Study) -> Option<Remark> {
    let complete = study.trials.iter().filter(|trial| trial.is_feasible()).count();
    match study.pareto_front().as_slice() {
        [only] if study.metrics.len() > 1 && complete > 1 => Some(Remark::SinglePointFront {
            trial: only.number,
            metrics: study.metrics.iter().map(|metric| metric.name.clone()).collect(),
        }),
        _ => None,
    }
}

fn coarse_validation(study: &Study) -> Option<Remark> {
    let samples = validation_samples(study).filter(|&samples| samples > 0)?;
    let is_accuracy = study.metrics.first().is_some_and(|metric| metric.name == ACCURACY);
    if !is_accuracy || ExternalSetup::of(study).is_some() {
        return None;
    }
    let accuracy = *study.best()?.values.first()?;
    let half_a_sample = 0.5 / samples as f64;
    let is_tied = |value: f64| (value - accuracy).abs() < half_a_sample;
    let complete = study.in_state(TrialState::Complete).filter(|trial| trial.is_feasible());
    let tied = complete.filter(|trial| trial.values.first().is_some_and(|&value| is_tied(value))).count();
    let is_whole = Setup::of(study).is_some_and(|setup| setup.folds.is_some());
    (tied > 1).then_some(Remark::CoarseValidation { samples, tied, accuracy, is_whole })
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGradedInput { chip, is_searched } => no_graded_input(f, chip, *is_searched),
            Self::UnknownScaling { model } => write!(
                f,
                "{model} does not say how its inputs were scaled and what its classes are called: the data set is \
                 scaled by its own training part, and classes go by their order; a training with this version keeps both"
            ),
            Self::NotTrainedOn { dataset, is_part: true } => write!(
                f,
                "{dataset} is not the data of the training: its parts are cut anew, and may have samples of the training"
            ),
            Self::NotTrainedOn { dataset, is_part: false } => {
                write!(f, "{dataset} is not the data of the training: all of its samples are scored")
            }
            Self::KnownPart { dataset, is_training } => {
                let seen = if *is_training { "learnt from" } else { "was chosen by" };
                write!(f, "the network {seen} the samples of {dataset}: expect less on new samples")
            }
            Self::IdentifierColumn { column } => write!(
                f,
                "column {column} has another value in each sample: if it numbers or names the samples, leave it out \
                 with --drop"
            ),
            Self::WarmStart { source, known, failed, left_out } => {
                write!(f, "{known} results of {source} are known before the first trial")?;
                if *failed > 0 {
                    write!(f, " ({failed} of them failed)")?;
                }
                left_out.iter().try_for_each(|(count, reason)| write!(f, "; {count} are left out: {reason}"))
            }
            Self::ChangedScript { file } => write!(
                f,
                "{file} has changed since the last run of the study: its trials keep their results; --retry-failed \
                 tries failed ones again, --fresh begins anew"
            ),
            Self::AddedParameters { values, outside } => {
                write!(
                    f,
                    "the space has more parameters than before: the trials so far count with {values}"
                )?;
                match outside.is_empty() {
                    true => Ok(()),
                    false => write!(
                        f,
                        "; the search does not learn from them, since the space leaves out {outside}, which they had"
                    ),
                }
            }
            Self::Fixed { values } => write!(f, "new trials keep {values}"),
            Self::RetriedFailed { count: 0, seeds: 0 } => {
                f.write_str("--retry-failed: no failed trial is left to try again")
            }
            Self::RetriedFailed { count: 0, seeds } => {
                write!(f, "the confirmation, in which {seeds} fresh seeds failed, is done again")
            }
            Self::RetriedFailed { count, .. } => write!(f, "{count} failed trials are tried again"),
            Self::NoModelFile { out } => {
                write!(
                    f,
                    "no weights are saved beside {out}, which is no regular file: to keep them, name a file"
                )
            }
            Self::AssumedCoding { chip, coding } => write!(
                f,
                "no input coding in the file, and {chip} takes plain spikes: --input-coding {coding} is used; name \
                 another if the network was trained with it"
            ),
            Self::ManyFailed { .. }
            | Self::NothingFeasible { .. }
            | Self::UnevenConstraints { .. }
            | Self::FailedSeeds { .. }
            | Self::SinglePointFront { .. }
            | Self::CoarseValidation { .. } => self.on_trials(f),
        }
    }
}

impl Remark {
    /// Writes a remark on the trials of a study; nothing for other remarks.
    fn on_trials(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ManyFailed { failed, ended, most: (reason, count) } => {
                let share = 100.0 * *failed as f64 / (*ended).max(1) as f64;
                write!(
                    f,
                    "{failed} of {ended} trials failed ({share:.0} %), {count} of them with: {reason}: change what \
                     fails, or leave it out of the search space"
                )
            }
            Self::NothingFeasible { nearest, value, excess } => write!(
                f,
                "no trial keeps all constraints; the nearest, trial {nearest} with {}, is beyond them by {} in all: \
                 loosen the constraints, or raise --budget",
                digits(*value),
                digits(*excess)
            ),
            Self::UnevenConstraints { fewer, complete, most } => write!(
                f,
                "{fewer} of {complete} complete trials have fewer constraints than the {most} of others, and count as \
                 keeping those that they lack: print all constraints in every trial"
            ),
            Self::FailedSeeds { trial, failed, seeds, reason, is_of_command } => {
                let way_out = match is_of_command {
                    true => "mend it, then run the same command with --retry-failed",
                    false => "confirm more trials with --confirm",
                };
                write!(
                    f,
                    "{failed} of {seeds} fresh seeds of the winner, trial {trial}, failed, the first with: {reason}: \
                     {way_out}"
                )
            }
            Self::SinglePointFront { trial, metrics } => {
                let metrics = metrics.join(", ");
                write!(
                    f,
                    "the front of {metrics} has one point: trial {trial} is at least as good as all others in every \
                     metric: raise --budget, or choose metrics that pull apart"
                )
            }
            Self::CoarseValidation { samples, tied, accuracy, is_whole } => {
                let way_out = if *is_whole { "" } else { "--validation or " };
                let (accuracy, step) = (digits(*accuracy), digits(1.0 / *samples as f64));
                write!(
                    f,
                    "the {tied} best trials have the same accuracy, {accuracy}: with {samples} validation samples it \
                     changes in steps of {step}, too few to tell them apart: raise {way_out}--seeds-per-trial"
                )
            }
            _ => Ok(()),
        }
    }
}

fn no_graded_input(f: &mut fmt::Formatter<'_>, chip: &str, is_searched: bool) -> fmt::Result {
    let (what, aim) = match is_searched {
        true => ("input_coding=graded is left out", "try it"),
        false => ("input_coding is not searched there", "search it"),
    };
    write!(
        f,
        "chip {chip} takes no graded input: {what}; to {aim}, choose a chip that takes graded input, such as ideal"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Point;
    use crate::study::{Metric, RETRIED, VALIDATION_SAMPLES};

    fn complete(number: u32, values: &[f64]) -> Trial {
        let waiting = Trial::waiting(number, Point::default());
        Trial { state: TrialState::Complete, values: values.to_vec(), ..waiting }
    }

    fn failed(number: u32, reason: &str) -> Trial {
        let attributes = [("reason".to_owned(), reason.into())].into_iter().collect();
        Trial { state: TrialState::Fail, attributes, ..Trial::waiting(number, Point::default()) }
    }

    fn study(metrics: &[&str], trials: Vec<Trial>) -> Study {
        let metrics = metrics.iter().map(|&name| Metric::maximize(name)).collect();
        Study { name: "s".into(), metrics, trials, ..Study::default() }
    }

    fn texts(study: &Study) -> Vec<String> {
        Remark::of(study).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn trials_with_fewer_constraints_than_others_are_said() {
        let constrained = |number, constraints: &[f64]| Trial {
            constraints: constraints.to_vec(),
            ..complete(number, &[0.5 - f64::from(number)])
        };
        let even = study(&["score"], vec![constrained(0, &[-1.0]), constrained(1, &[-2.0])]);
        assert_eq!(texts(&even), [""; 0]);
        let uneven = study(&["score"], vec![constrained(0, &[-1.0]), complete(1, &[0.1])]);
        assert!(
            texts(&uneven)[0]
                .starts_with("1 of 2 complete trials have fewer constraints than the 1 of others")
        );
    }

    #[test]
    fn many_failures_are_said_with_their_share_and_most_frequent_reason() {
        let mut of_four = study(
            &["score"],
            vec![
                complete(0, &[0.5]),
                failed(1, "rare"),
                failed(2, "often"),
                failed(3, "often"),
                complete(4, &[0.4]),
            ],
        );
        let text = "3 of 5 trials failed (60 %), 2 of them with: often: change what fails, or leave it out of the \
                    search space";
        assert_eq!(texts(&of_four), [text]);
        of_four.trials[3].internal.insert(RETRIED.to_owned(), 5.into());
        assert!(texts(&of_four)[0].starts_with("2 of 4 trials failed (50 %), 1 of them"));
        let few = study(
            &["score"],
            (0..8).map(|k| complete(k, &[0.1 * f64::from(k)])).chain([failed(8, "x")]).collect(),
        );
        assert_eq!(texts(&few), [""; 0]);
        let all = study(&["score"], vec![failed(0, "x"), failed(1, "x")]);
        assert!(texts(&all)[0].starts_with("2 of 2 trials failed (100 %), 2 of them with: x"));
    }

    #[test]
    fn a_study_in_which_every_trial_breaks_a_constraint_names_the_nearest() {
        let with = |excess: [f64; 2]| {
            let trials = excess.iter().zip(0..).map(|(&excess, number)| Trial {
                constraints: vec![excess, -1.0],
                ..complete(number, &[0.5 + 0.1 * f64::from(number)])
            });
            study(&["score"], trials.collect())
        };
        let text = "no trial keeps all constraints; the nearest, trial 1 with 0.6000, is beyond them by 0.2500 in all: \
                    loosen the constraints, or raise --budget";
        assert_eq!(texts(&with([2.0, 0.25])), [text]);
        assert_eq!(texts(&with([2.0, 0.0])), [""; 0]);
    }

    #[test]
    fn a_front_of_one_point_is_said_where_there_was_a_choice() {
        let two = |trials| study(&["accuracy", "speed"], trials);
        let single = two(vec![complete(0, &[0.5, 1.0]), complete(1, &[0.6, 2.0])]);
        assert!(
            texts(&single)[0].starts_with("the front of accuracy, speed has one point: trial 1 is at least")
        );
        assert_eq!(texts(&two(vec![complete(0, &[0.5, 3.0]), complete(1, &[0.6, 2.0])])), [""; 0]);
        assert_eq!(texts(&two(vec![complete(0, &[0.5, 3.0])])), [""; 0], "no choice");
        assert_eq!(texts(&study(&["accuracy"], vec![complete(0, &[0.5]), complete(1, &[0.6])])), [""; 0]);
    }

    #[test]
    fn trials_that_few_samples_cannot_tell_apart_are_said() {
        let with = |samples: usize, metric: &str, values: &[f64]| {
            let trials = values.iter().enumerate().map(|(k, &value)| complete(k as u32, &[value])).collect();
            let mut study = study(&[metric], trials);
            study.attributes.insert(VALIDATION_SAMPLES.to_owned(), samples.into());
            study
        };
        let third = 29.0 / 30.0;
        let text = "the 2 best trials have the same accuracy, 0.9667: with 30 validation samples it changes in steps \
                    of 0.03333, too few to tell them apart: raise --validation or --seeds-per-trial";
        assert_eq!(texts(&with(30, "accuracy", &[third, 0.9, third])), [text]);
        assert_eq!(texts(&with(30, "accuracy", &[third, 28.0 / 30.0])), [""; 0]);
        assert_eq!(texts(&with(30, "loss", &[third, third])), [""; 0]);
        let mut unknown = with(30, "accuracy", &[third, third]);
        unknown.attributes.shift_remove(VALIDATION_SAMPLES);
        assert_eq!(texts(&unknown), [""; 0]);
    }
}
