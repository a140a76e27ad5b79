//! Tests of the program as a whole.

mod architecture;
mod bad_input;
mod check;
mod circles;
mod data_files;
mod error_lines;
mod eval;
mod external;
mod fidelity;
mod inherited;
mod legs;
mod nir_files;
mod others;
mod outputs;
mod protocols;
mod ranges;
mod readme;
mod reproducible;
mod session;
mod streams;
mod studies;
mod support;
mod trials;
mod version_0_1;
mod warm;
