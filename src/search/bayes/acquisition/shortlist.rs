//! The candidates about which it is asked what is known of them before a trial.
//!
//! It may take milliseconds to find that out. So it is asked about the candidates that the models value most,
//! and about the steps of the local search.

use super::maximize::{Maximizer, Scored};
use crate::search::bayes::input::cube::Cell;
use crate::search::bayes::input::foreseen::Foreseen;
use crate::search::gp::threads;

/// The number of candidates, best first, that are valued by what is known of them before a trial, and
/// the most that are asked about for it, since some are refused:
/// `benches/README.md#metrics-known-before-training`.
const SHORTLIST: usize = 64;
const ASKED: usize = 4 * SHORTLIST;

impl Maximizer<'_> {
    /// `scored`, where the best are valued by what is known of them before a trial, and all others
    /// come after these.
    pub fn shortlisted(&self, mut scored: Vec<Scored>) -> Vec<Scored> {
        if self.knowledge.is_none() {
            return scored;
        }
        scored.sort_by(|a, b| b.modelled.total_cmp(&a.modelled));
        scored.iter_mut().for_each(|scored| scored.value = f64::NEG_INFINITY);
        let (mut at, mut left) = (0, SHORTLIST);
        while left > 0 && at < scored.len().min(ASKED) {
            let part = &mut scored[at..];
            let count = left.min(part.len());
            at += count;
            left -= self.ask_about(&mut part[..count]);
        }
        scored
    }

    /// Values `scored` by what is known of them before a trial: minus infinity where a cell is refused.
    /// Returns the number of those that are not.
    pub fn ask_about(&self, scored: &mut [Scored]) -> usize {
        let Some(knowledge) = self.knowledge else { return scored.len() };
        let ask = |cell: &Cell| self.space.keeps_relations(&cell.unit).then(|| knowledge.at(cell)).flatten();
        let foreseen = threads::map(scored.iter().map(|scored| &scored.cell).collect(), ask);
        let (indices, foreseen): (Vec<usize>, Vec<Foreseen>) =
            foreseen.into_iter().enumerate().filter_map(|(index, foreseen)| Some((index, foreseen?))).unzip();
        let inputs = self.features.rows(indices.iter().map(|&index| &scored[index].cell));
        let values = self.acquisition.foreseen_values(inputs.view(), &foreseen);
        scored.iter_mut().for_each(|scored| scored.value = f64::NEG_INFINITY);
        indices.iter().zip(values).for_each(|(&index, value)| scored[index].value = value);
        indices.len()
    }
}
