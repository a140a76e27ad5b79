//! The work that a study still has, and the time that its workers need for it.

use super::durations::{Durations, Finished};

/// The work of a study at a moment. All times are in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    /// The evaluations that have ended, in the order in which they did.
    pub finished: Vec<Finished>,
    /// The evaluations that are running.
    pub running: Vec<Running>,
    /// The number of trials that have not started.
    pub to_start: usize,
    /// The time between the end of a trial and the start of the next, in which the search thinks.
    pub pause: f64,
    /// The number of evaluations that run at the same time, at least 1.
    pub workers: usize,
    /// The trainings with fresh seeds that follow the trials and have not started.
    pub confirmation: Vec<Repeats>,
    /// The time that the study may still take, confirmation included, if a rule limits it.
    pub limit: Option<f64>,
}

/// A running evaluation. All times are in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Running {
    /// The time since it began.
    pub elapsed: f64,
    /// The share of its steps that are done, above 0 and at most 1, and the time that they took.
    pub steps: Option<(f64, f64)>,
    /// Its cost by the plan: positive, in any unit.
    pub cost: f64,
    /// How long it takes, if the same point was evaluated before.
    pub expected: Option<f64>,
}

/// Trainings of one candidate with fresh seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Repeats {
    /// The number of the candidate's trial; `None` if it is not known yet.
    pub trial: Option<u32>,
    /// The seconds that its trial took for one seed, if that is known.
    pub seconds: Option<f64>,
    /// The number of trainings.
    pub count: usize,
}

/// A running evaluation takes at least this share of its time so far, since it may always go on.
const OVERRUN: f64 = 0.15;
/// The most trials whose times are laid out one by one.
const LAID_OUT: usize = 2000;

impl Workload {
    /// The seconds until the study has ended, its confirmation included; `None` as long as nothing
    /// was measured.
    pub fn seconds_left(&self) -> Option<f64> {
        let durations = self.durations()?;
        let running: Vec<f64> = self.running.iter().map(|one| one.left(&durations)).collect();
        let running_end = running.iter().copied().fold(0.0, f64::max);
        let mut workers = Workers::new(&running, self.workers);
        let laid_out = self.to_start.min(LAID_OUT);
        (1..=laid_out).for_each(|number| workers.take(self.pause + durations.ahead(number)));
        let beyond = (self.to_start - laid_out) as f64 * (self.pause + durations.ahead(laid_out));
        let end = workers.end() + beyond / self.workers.max(1) as f64;
        let confirmation = self.confirmation_of(&durations);
        let end = self.limit.map_or(end, |limit| end.min((limit - confirmation).max(running_end)));
        Some(end + confirmation)
    }

    /// The seconds that the trainings with fresh seeds take; 0 as long as nothing was measured.
    pub fn confirmation_seconds(&self) -> f64 {
        self.durations().map_or(0.0, |durations| self.confirmation_of(&durations))
    }

    /// The seconds that the next trial takes with the pause before it; 0 as long as nothing was
    /// measured.
    pub fn next_seconds(&self) -> f64 {
        self.durations().map_or(0.0, |durations| self.pause + durations.ahead(1))
    }

    /// The durations to expect: those of evaluations that have ended, else of those that run.
    fn durations(&self) -> Option<Durations> {
        Durations::of(&self.finished).or_else(|| {
            // An evaluation tells the more, the more of it is done.
            let shares = self.running.iter().filter_map(|one| Some((one.steps?.0, one.by_steps()?)));
            let (sum, all) =
                shares.fold((0.0, 0.0), |(sum, all), (share, whole)| (sum + share * whole, all + share));
            (all > 0.0).then(|| Durations::constant(sum / all))
        })
    }

    fn confirmation_of(&self, durations: &Durations) -> f64 {
        let mut each: Vec<f64> = Vec::new();
        for repeats in &self.confirmation {
            let seconds = repeats.seconds.unwrap_or_else(|| durations.ahead(1));
            each.extend(std::iter::repeat_n(seconds, repeats.count));
        }
        let mut workers = Workers::new(&[], self.workers);
        each.into_iter().for_each(|seconds| workers.take(seconds));
        workers.end()
    }
}

impl Running {
    /// The whole duration, from the steps alone.
    fn by_steps(&self) -> Option<f64> {
        self.steps.filter(|(share, _)| *share > 0.0).map(|(share, seconds)| seconds / share)
    }

    /// The seconds until it ends. The more steps are done, the more they tell, and the less the
    /// other evaluations do.
    fn left(&self, durations: &Durations) -> f64 {
        let before = self.expected.unwrap_or_else(|| durations.of_cost(self.cost));
        let whole = match (self.by_steps(), self.steps) {
            (Some(seconds), Some((share, _))) => share.sqrt() * seconds + (1.0 - share.sqrt()) * before,
            _ => before,
        };
        (whole - self.elapsed).max(OVERRUN * self.elapsed)
    }
}

/// Workers, by the time at which each is free.
struct Workers(Vec<f64>);

impl Workers {
    /// `count` workers, at least one, of which some are busy for the times `running`.
    fn new(running: &[f64], count: usize) -> Self {
        let idle = count.max(1).saturating_sub(running.len());
        Self(running.iter().copied().chain(std::iter::repeat_n(0.0, idle)).collect())
    }

    /// The worker that is free first takes work of these `seconds`.
    fn take(&mut self, seconds: f64) {
        if let Some(first) = self.0.iter_mut().min_by(|a, b| a.total_cmp(b)) {
            *first += seconds;
        }
    }

    /// The time at which all are free.
    fn end(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(finished: usize, to_start: usize) -> Workload {
        Workload {
            finished: vec![Finished { seconds: 10.0, cost: 1.0 }; finished],
            to_start,
            workers: 1,
            ..Workload::default()
        }
    }

    fn assert_left(workload: &Workload, expected: f64) {
        let left = workload.seconds_left().expect("something was measured");
        assert!((left - expected).abs() < 1e-6, "{left}, not {expected}");
    }

    #[test]
    fn nothing_is_known_before_the_first_measurement() {
        let mut new = workload(0, 5);
        assert_eq!((new.seconds_left(), new.confirmation_seconds(), new.next_seconds()), (None, 0.0, 0.0));
        new.running = vec![Running { elapsed: 3.0, cost: 1.0, ..Running::default() }];
        assert_eq!(new.seconds_left(), None);
        // A fifth of its steps took 2 s, so it takes 10 s, and so do the others.
        new.running[0].steps = Some((0.2, 2.0));
        assert_left(&new, 7.0 + 50.0);
    }

    #[test]
    fn trials_pauses_and_the_confirmation_add_up() {
        let mut known = workload(4, 3);
        known.pause = 1.0;
        known.confirmation = vec![
            Repeats { trial: Some(1), seconds: Some(20.0), count: 3 },
            Repeats { trial: None, seconds: None, count: 3 },
        ];
        assert_left(&known, 33.0 + 60.0 + 30.0);
        assert_eq!(known.confirmation_seconds(), 90.0);
        assert!((known.next_seconds() - 11.0).abs() < 1e-9);
        known.workers = 3;
        assert_left(&known, 11.0 + 20.0 + 10.0);
    }

    #[test]
    fn a_running_trial_counts_its_steps_and_never_stands_still() {
        let mut known = workload(4, 0);
        let left = |known: &Workload| known.seconds_left().expect("measured");
        known.running = vec![Running { elapsed: 4.0, cost: 1.0, ..Running::default() }];
        assert_left(&known, 6.0);
        // Half of its steps took 20 s: between the 10 s of the others and 40 s.
        known.running[0] = Running { elapsed: 20.0, steps: Some((0.5, 20.0)), ..known.running[0] };
        assert!((8.0..20.0).contains(&left(&known)), "{}", left(&known));
        known.running[0] = Running { elapsed: 30.0, cost: 1.0, ..Running::default() };
        let late = left(&known);
        known.running[0].elapsed += 10.0;
        assert!(left(&known) >= late + 1.0, "it moves within 10 s");
    }

    #[test]
    fn a_limit_of_time_ends_the_trials_so_that_the_confirmation_fits() {
        let mut known = workload(4, 100);
        known.confirmation = vec![Repeats { trial: None, seconds: None, count: 2 }];
        known.limit = Some(70.0);
        assert_left(&known, 70.0);
        known.limit = Some(5.0);
        known.running = vec![Running { elapsed: 4.0, cost: 1.0, ..Running::default() }];
        assert_left(&known, 6.0 + 20.0);
    }

    #[test]
    fn a_large_budget_is_not_laid_out_trial_by_trial() {
        let mut known = workload(4, 100_000);
        known.workers = 10;
        assert_left(&known, 100_000.0);
    }
}
