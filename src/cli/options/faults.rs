//! Faults of chips, by name or all of them.

use crate::backend::{Fault, UnknownFault};

/// All faults, or one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultChoice {
    All,
    One(Fault),
}

impl FaultChoice {
    /// The faults that any of `choices` names, in the order of [`Fault::ALL`].
    pub fn chosen(choices: &[Self]) -> Vec<Fault> {
        let is_chosen = |fault: &Fault| {
            choices.iter().any(|choice| match choice {
                Self::All => true,
                Self::One(one) => one == fault,
            })
        };
        Fault::ALL.into_iter().filter(is_chosen).collect()
    }
}

/// Reads `all` or the name of a fault.
pub(crate) fn fault(text: &str) -> Result<FaultChoice, UnknownFault> {
    match text {
        "all" => Ok(FaultChoice::All),
        one => one.parse().map(FaultChoice::One),
    }
}
