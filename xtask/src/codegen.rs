//! `cargo xtask codegen`: writes `src/amqp/methods.rs` from the method table `src/amqp/spec/methods.txt`.

mod emit;
mod spec;

use std::{fs, path::PathBuf};

use anyhow::{Context, ensure};

/// What `codegen` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if methods.rs is not what the table says.
    #[arg(long)]
    check: bool,
}

/// Reads the table and writes the code, or compares it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let amqp = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../src/amqp");
    let table = amqp.join("spec/methods.txt");
    let code = amqp.join("methods.rs");
    let text = fs::read_to_string(&table).with_context(|| format!("read {}", table.display()))?;
    let classes = spec::parse(&text).with_context(|| format!("in {}", table.display()))?;
    let fresh = emit::methods(&classes);
    if arguments.check {
        let found = fs::read_to_string(&code).unwrap_or_default();
        ensure!(found == fresh, "src/amqp/methods.rs is stale: run `cargo xtask codegen`");
        return Ok(());
    }
    fs::write(&code, fresh).with_context(|| format!("write {}", code.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_code_is_fresh() {
        run(&Arguments { check: true }).unwrap();
    }
}
