//! The program. Everything is in the library beside it, where tests can call it.

use std::process::ExitCode;

fn main() -> ExitCode {
    angelia::main()
}
