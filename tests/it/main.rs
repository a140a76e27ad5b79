//! Tests of the program as a whole.

mod architecture;
mod bad_input;
mod circles;
mod error_lines;
mod eval;
mod external;
mod fidelity;
mod legs;
mod protocols;
mod ranges;
mod readme;
mod reproducible;
mod session;
mod support;
mod trials;
mod version_0_1;
mod warm;
