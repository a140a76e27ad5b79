//! The scale on which losses became targets of a Gaussian process, read in both directions.

use super::transform::Warped;

/// The largest distance of a placed loss from all other losses, as a multiple of their extent.
const FARTHEST: f64 = 1e3;

/// A rising map between losses and targets: straight lines between the measured ones, and their
/// overall slope beyond. Losses are in units of the largest absolute one, so that nothing overflows.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Distinct losses with their targets, rising; at least one.
    pairs: Vec<(f64, f64)>,
    unit: f64,
    /// The derivative of the loss by the target at the least loss.
    least_rate: f64,
}

impl Scale {
    /// The scale of the final ones of `losses`, at least one, which became the targets `warped`.
    /// `levels` has the fidelity level of each; it is empty if all are final.
    pub fn new(warped: &Warped, losses: &[f64], levels: &[usize]) -> Self {
        let is_final = |row: &usize| levels.get(*row).is_none_or(|&level| level == 0);
        let rows: Vec<usize> = (0..losses.len()).filter(is_final).collect();
        let largest = rows.iter().fold(0.0f64, |most, &row| most.max(losses[row].abs()));
        let unit = if largest > 0.0 { largest } else { 1.0 };
        let mut pairs: Vec<(f64, f64)> =
            rows.iter().map(|&row| (losses[row] / unit, warped.values[row])).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        pairs.dedup_by(|later, earlier| later.0 <= earlier.0 || later.1 <= earlier.1);
        let least_rate = (-warped.least_ln_slope).exp();
        let mut scale = Self { pairs, unit, least_rate };
        if !(scale.least_rate.is_finite() && scale.least_rate > 0.0) || scale.pairs.len() < 2 {
            scale.least_rate = scale.overall_rate();
        }
        scale
    }

    /// The target of `loss`. Far beyond all losses it is cut.
    pub fn target(&self, loss: f64) -> f64 {
        let rate = self.overall_rate();
        let extent = (self.last().0 - self.pairs[0].0).max(f64::MIN_POSITIVE);
        let loss =
            (loss / self.unit).clamp(self.pairs[0].0 - FARTHEST * extent, self.last().0 + FARTHEST * extent);
        let place = self.pairs.partition_point(|pair| pair.0 < loss);
        match self.neighbours(place) {
            Some((low, high)) => low.1 + (loss - low.0) / (high.0 - low.0) * (high.1 - low.1),
            None if place == 0 => self.pairs[0].1 + (loss - self.pairs[0].0) / rate,
            None => self.last().1 + (loss - self.last().0) / rate,
        }
    }

    /// The loss of `target`, in the unit of this scale.
    pub fn loss(&self, target: f64) -> f64 {
        let rate = self.overall_rate();
        let place = self.pairs.partition_point(|pair| pair.1 < target);
        match self.neighbours(place) {
            Some((low, high)) => low.0 + (target - low.1) / (high.1 - low.1) * (high.0 - low.0),
            None if place == 0 => self.pairs[0].0 + (target - self.pairs[0].1) * rate,
            None => self.last().0 + (target - self.last().1) * rate,
        }
    }

    /// The derivative of the loss by the target below all losses, in the unit of this scale.
    pub fn least_rate(&self) -> f64 {
        self.least_rate
    }

    /// What a loss of 1 in the unit of this scale is.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// The difference of the largest and the least loss, in the unit of this scale.
    pub fn extent(&self) -> f64 {
        self.last().0 - self.pairs[0].0
    }

    /// The pairs before and at `place`; `None` beyond all pairs.
    fn neighbours(&self, place: usize) -> Option<((f64, f64), (f64, f64))> {
        (place > 0 && place < self.pairs.len()).then(|| (self.pairs[place - 1], self.pairs[place]))
    }

    fn last(&self) -> (f64, f64) {
        self.pairs[self.pairs.len() - 1]
    }

    /// The slope of the line through the least and the largest loss; 1 if there is only one.
    fn overall_rate(&self) -> f64 {
        match self.pairs.len() {
            1 => 1.0,
            _ => self.extent() / (self.last().1 - self.pairs[0].1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::transform::Transform;
    use super::*;

    fn scale(losses: &[f64], targets: &[f64]) -> Scale {
        let values = targets.to_vec();
        let warped = Warped { transform: Transform::Identity, values, ln_jacobian: 0.0, least_ln_slope: 0.0 };
        Scale::new(&warped, losses, &[])
    }

    #[test]
    fn a_loss_is_placed_between_its_neighbours_or_beyond_all_by_the_extent() {
        let scale = scale(&[4.0, 1.0, 2.0], &[3.0, -1.0, 1.0]);
        for (loss, expected) in [(1.0, -1.0), (1.5, 0.0), (3.0, 2.0), (4.0, 3.0), (7.0, 7.0), (-2.0, -5.0)] {
            assert!((scale.target(loss) - expected).abs() < 1e-12, "{loss}");
            assert!((4.0 * scale.loss(expected) - loss).abs() < 1e-12, "{loss}");
        }
        for (loss, losses) in [(1e300, vec![1.0]), (-1e300, vec![1e300, 1e300]), (1e308, vec![-1e308, 1e308])]
        {
            assert!(self::scale(&losses, &[0.0; 2][..losses.len()]).target(loss).is_finite());
        }
    }

    #[test]
    fn below_all_losses_the_rate_is_that_of_the_transform() {
        let losses = [1e-6, 1e-3, 0.5, 1.0];
        let warped = Warped::of(Transform::Log, &losses);
        let scale = Scale::new(&warped, &losses, &[]);
        let per_target = (1e-3f64 / 1e-6).ln() / (warped.values[1] - warped.values[0]);
        assert!((scale.least_rate() / (1e-6 * per_target) - 1.0).abs() < 1e-9);
        assert_eq!(Scale::new(&Warped::of(Transform::Log, &[2.0; 3]), &[2.0; 3], &[]).least_rate(), 1.0);
    }
}
