//! The program: parse, log, run the command, exit code.

use std::process::ExitCode;

use timlake::{cli, out, settings, telemetry};

/// Units come and go with buffers of every size: the system's allocator keeps the holes between them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let (arguments, given) = match cli::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version go to stdout and are no failure; everything else is a mistake in usage: 2.
            let words: Vec<String> =
                std::env::args().skip(1).filter(|word| settings::looks_like_a_secret(word)).collect();
            let text = words.iter().fold(error.render().to_string(), |text, word| text.replace(word, "[hidden]"));
            let _ = if words.is_empty() {
                error.print()
            } else {
                std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes())
            };
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    telemetry::init(arguments.global.log_format(), arguments.global.verbosity());
    // Fails only where one was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            out::error(&anyhow::Error::from(error).context("cannot start"));
            return ExitCode::from(74);
        }
    };
    let exit = runtime.block_on(cli::run(arguments, &given)).unwrap_or_else(|failed| {
        out::error(&failed.error);
        failed.exit
    });
    // A thread that still waits for a socket is not waited for: the lake does not need it any more.
    runtime.shutdown_background();
    ExitCode::from(exit.code())
}
