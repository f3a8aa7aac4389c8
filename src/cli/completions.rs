//! `pillarbox completions`: what a shell needs to complete commands and options.

use clap::Args;
use clap_complete::Shell;

use crate::output::Output;

/// Write what a shell needs to complete commands.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  bash   pillarbox completions bash > ~/.local/share/bash-completion/completions/pillarbox
  zsh    pillarbox completions zsh > \"${fpath[1]}/_pillarbox\"
  fish   pillarbox completions fish > ~/.config/fish/completions/pillarbox.fish")]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    /// Writes it for this program.
    pub(crate) fn run(&self, mut program: clap::Command) -> anyhow::Result<Output> {
        let mut script = Vec::new();
        let name = program.get_name().to_owned();
        clap_complete::generate(self.shell, &mut program, name, &mut script);
        Ok(Output::text(String::from_utf8(script)?))
    }
}
