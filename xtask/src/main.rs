//! The chores of the project: `cargo xtask <chore>`.

mod codegen;
mod compare;
mod mutants;
mod page;
mod rabbitmq;
mod record_api;
mod test;
mod torture;

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
    /// Measure this broker and RabbitMQ under the same loads, and print a table.
    Compare(compare::Arguments),
    /// Plant mistakes, and see that tests find them.
    Mutants(mutants::Arguments),
    /// Build the web page, with Node.
    Page,
    /// Record what a real RabbitMQ answers over HTTP, for tests/management to compare with.
    RecordApi,
    /// Test everything, the real clients included.
    Test(test::Arguments),
    /// Try to make the broker lose a message, for as long as wanted.
    Torture(torture::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Codegen(arguments) => codegen::run(&arguments),
        Chore::Compare(arguments) => compare::run(&arguments),
        Chore::Mutants(arguments) => mutants::run(&arguments),
        Chore::Page => page::run(),
        Chore::RecordApi => record_api::run(),
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Torture(arguments) => torture::run(&arguments),
    }
}
