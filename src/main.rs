//! Parses the command line, runs one verb, and exits with its code.

fn main() -> std::process::ExitCode {
    spotcron::cli::main()
}
