//! The command line beside serving: tools that speak to a broker from outside.

pub mod bench;
pub mod process;

pub use bench::Bench;

/// What `pillarbox` can do apart from being the broker.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Put a load on a broker and measure it.
    Bench(Bench),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Whatever kept it from being done, for a person to read.
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Bench(bench) => bench::run(bench),
        }
    }
}
