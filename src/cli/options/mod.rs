//! Groups of options that several commands share.

pub(super) mod fidelity;
pub(super) mod reference;
