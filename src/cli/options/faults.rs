//! Kinds of chip faults as options name them: one kind, or all of them.

use crate::backend::{Fault, UnknownFault};

/// All kinds of faults, or one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultChoice {
    All,
    One(Fault),
}

impl FaultChoice {
    /// The kinds of faults that `choices` name, in the order of [`Fault::ALL`] and each once.
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

/// Reads `all` or the name of one kind of fault.
pub(crate) fn fault(text: &str) -> Result<FaultChoice, UnknownFault> {
    match text {
        "all" => Ok(FaultChoice::All),
        one => one.parse().map(FaultChoice::One),
    }
}
