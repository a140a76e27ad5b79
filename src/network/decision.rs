//! What a network decides.

/// A class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The class of the highest score, the lowest of several.
    pub class: u16,
    /// Whether several classes had the highest score.
    pub tied: bool,
}

impl Decision {
    /// The decision by `scores` (K).
    pub fn of(scores: &[i32]) -> Self {
        let highest = scores.iter().max();
        let mut winners = (0..).zip(scores).filter(|&(_, score)| Some(score) == highest);
        let class = winners.next().map_or(0, |(class, _)| class);
        Self { class, tied: winners.next().is_some() }
    }
}
