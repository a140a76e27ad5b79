//! The `tune` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    spiketune::cli::main()
}
