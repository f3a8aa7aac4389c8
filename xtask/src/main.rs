//! The chores of the project: `cargo xtask <chore>`.

mod codegen;
mod test;

use clap::{Parser, Subcommand};

/// The chores of the project.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Write src/amqp/methods.rs from the method table.
    Codegen(codegen::Arguments),
    /// Test everything, the real clients included.
    Test(test::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Codegen(arguments) => codegen::run(&arguments),
        Chore::Test(arguments) => test::run(&arguments),
    }
}
