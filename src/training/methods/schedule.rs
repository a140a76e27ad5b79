//! Schedules of the learning rate.

use serde::{Deserialize, Serialize};

/// The learning rate with which the one-cycle schedule begins, as a share of the highest.
const CYCLE_START: f64 = 0.04;
/// The share of the steps in which the rate of the one-cycle schedule rises.
const CYCLE_RISE: f64 = 0.3;

/// How the learning rate changes over a training, after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// A constant rate.
    Constant,
    /// Half a cosine, from the full rate to 0 (Loshchilov, Hutter 2017).
    Cosine,
    /// A line from a 25th of the full rate to the full rate, over the first 30 % of the steps. Then
    /// half a cosine to 0 (Smith, Topin 2019, but with constant momentum).
    OneCycle,
    /// The full rate, after half of the steps a tenth of it, after three quarters a hundredth.
    Step,
}

impl Schedule {
    /// The factor on the learning rate at `step` of `steps`, counted from 0.
    ///
    /// The first share `warm_up`, in [0, 1), of all steps is the warm-up: the factor rises in a
    /// line to the first factor of the schedule (Goyal et al. 2017). The schedule runs over the
    /// other steps.
    ///
    /// ```
    /// use spiketune::training::Schedule;
    ///
    /// let factors = [0, 1, 2, 6, 9].map(|step| Schedule::Step.factor(0.2, step, 10));
    /// assert_eq!(factors, [0.5, 1.0, 1.0, 0.1, 0.01]);
    /// ```
    pub fn factor(self, warm_up: f32, step: u64, steps: u64) -> f64 {
        let warm = (f64::from(warm_up) * steps as f64).round().min(steps as f64) as u64;
        if step < warm {
            return (step + 1) as f64 / warm as f64 * self.shape(0.0);
        }
        self.shape((step - warm) as f64 / (steps - warm) as f64)
    }

    /// The factor on the learning rate after a share `done`, in [0, 1], of the steps that follow
    /// the warm-up.
    fn shape(self, done: f64) -> f64 {
        let cosine = |done: f64| (1.0 + (std::f64::consts::PI * done).cos()) / 2.0;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Cosine => cosine(done),
            Schedule::OneCycle if done < CYCLE_RISE => CYCLE_START + (1.0 - CYCLE_START) * done / CYCLE_RISE,
            Schedule::OneCycle => cosine((done - CYCLE_RISE) / (1.0 - CYCLE_RISE)),
            Schedule::Step if done < 0.5 => 1.0,
            Schedule::Step if done < 0.75 => 0.1,
            Schedule::Step => 0.01,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_starts_at_one_and_ends_at_zero() {
        assert_eq!(Schedule::Cosine.factor(0.0, 0, 10), 1.0);
        assert!((Schedule::Cosine.factor(0.0, 5, 10) - 0.5).abs() < 1e-15);
        assert_eq!(Schedule::Cosine.shape(1.0), 0.0);
    }

    #[test]
    fn one_cycle_rises_to_the_whole_rate_and_falls_to_none() {
        let at = |step| Schedule::OneCycle.factor(0.0, step, 100);
        assert!((at(0) - 0.04).abs() < 1e-12);
        assert!((at(15) - 0.52).abs() < 1e-12, "half way up: (0.04 + 1) / 2");
        assert_eq!(at(30), 1.0);
        assert!((at(65) - 0.5).abs() < 1e-12, "half way down");
        assert!(at(99) < 1e-3);
    }

    #[test]
    fn the_step_schedule_falls_at_half_and_at_three_quarters() {
        let factors = [0, 49, 50, 74, 75, 99].map(|step| Schedule::Step.factor(0.0, step, 100));
        assert_eq!(factors, [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]);
    }

    #[test]
    fn the_warm_up_rises_in_a_line_and_leaves_the_rest_to_the_schedule() {
        let factors: Vec<f64> = (0..6).map(|step| Schedule::Constant.factor(0.1, step, 40)).collect();
        assert_eq!(factors, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        // Half of 20 steps, then a cosine over the other ten.
        assert_eq!(Schedule::Cosine.factor(0.5, 9, 20), 1.0);
        assert_eq!(Schedule::Cosine.factor(0.5, 10, 20), 1.0);
        assert!((Schedule::Cosine.factor(0.5, 15, 20) - 0.5).abs() < 1e-15);
    }
}
