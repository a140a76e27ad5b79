//! Kinds of chip faults as options name them: one kind, or all of them.

use crate::backend::{Fault, UnknownFault};

/// All kinds of faults, or one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultChoice {
    All,
    One(Fault),
}

impl FaultChoice {
    /// The kinds of faults that `choices` name, in the order of [`Fault::ALL`] and each once. All of them are those that
    /// can be: if weights have no bits (`has_bits`), none that changes bits.
    pub fn chosen(choices: &[Self], has_bits: bool) -> Vec<Fault> {
        let is_chosen = |fault: &Fault| {
            choices.iter().any(|choice| match choice {
                Self::All => has_bits || !fault.needs_bits(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_those_that_the_weights_can_have() {
        let chosen = |text: &str, has_bits| FaultChoice::chosen(&[fault(text).expect("a name")], has_bits);
        assert_eq!(chosen("all", true), Fault::ALL);
        assert_eq!(chosen("all", false).len(), Fault::ALL.len() - 2);
        // Who names one gets it, or the reason why it cannot be.
        assert_eq!(chosen("bit-flip", false), [Fault::BitFlip]);
    }
}
