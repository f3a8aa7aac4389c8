//! The commands of RabbitMQ's tools, so that scripts and health checks go on as they are: `rabbitmqctl`,
//! `rabbitmq-diagnostics` and `rabbitmq-plugins`, by a link to this program or as its commands.
//!
//! Names, switches, output and exit codes are those of RabbitMQ 3.10.8; `tests/management/cli/rabbitmq.txt` is a session
//! recorded with it. They ask the HTTP API and no Erlang node: `--node` is taken and means nothing.

mod arguments;
mod call;
mod checks;
mod commands;
mod definitions;
mod fault;
mod format;
mod limits;
mod lists;
mod node;
mod permissions;
mod plugins;
mod policies;
mod queues;
mod serving;
mod terms;
mod users;
mod vhosts;

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use self::arguments::Arguments;
use self::call::Call;
use self::commands::Command;
use self::fault::Fault;
use crate::DefaultFolder;
use crate::output::Output;

/// One of RabbitMQ's tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `rabbitmqctl`
    Ctl,
    /// `rabbitmq-diagnostics`
    Diagnostics,
    /// `rabbitmq-plugins`
    Plugins,
}

/// All that is said to a tool, in its own language.
#[derive(Args, Debug)]
pub struct ToolArguments {
    /// What the tool is told
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    pub(crate) all: Vec<String>,
}

impl Tool {
    const ALL: [Self; 3] = [Self::Ctl, Self::Diagnostics, Self::Plugins];

    fn name(self) -> &'static str {
        match self {
            Self::Ctl => "rabbitmqctl",
            Self::Diagnostics => "rabbitmq-diagnostics",
            Self::Plugins => "rabbitmq-plugins",
        }
    }

    /// The tool as which a program was called, if it was.
    #[must_use]
    pub fn of_program(path: &Path) -> Option<Self> {
        let name = path.file_name()?;
        Self::ALL.into_iter().find(|tool| name == tool.name())
    }

    /// Does what it is told, and gives the exit code.
    ///
    /// # Errors
    /// If nothing can be printed.
    pub fn run(
        self,
        arguments: &[String],
        default_folder: DefaultFolder<'_>,
    ) -> anyhow::Result<ExitCode> {
        self.answer(arguments, default_folder).print()
    }

    fn answer(self, said: &[String], default_folder: DefaultFolder<'_>) -> Output {
        let arguments = Arguments::parse(said);
        let Some(name) = arguments.words.first() else { return commands::overview(self, 64) };
        if name == "help" || arguments.has("help") {
            return commands::help(self, arguments.words.get(1).map(String::as_str));
        }
        let Some(command) = Command::find(self, name) else {
            return commands::unknown(self, name);
        };
        let mut call = Call::new(self, command, said, arguments, default_folder);
        let done = call.check().and_then(|()| (command.act)(&mut call));
        let mut text = call.said();
        match done.and_then(|done| call.format(done)) {
            Ok(formatted) => {
                text.push_str(&formatted);
                Output::text(text)
            }
            Err(Fault { code, text: errors }) => Output { text, errors: errors + "\n", code },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_program_is_the_tool_of_its_name() {
        assert_eq!(Tool::of_program(Path::new("/usr/bin/rabbitmqctl")), Some(Tool::Ctl));
        assert_eq!(Tool::of_program(Path::new("rabbitmq-plugins")), Some(Tool::Plugins));
        assert_eq!(Tool::of_program(Path::new("pillarbox")), None);
        assert_eq!(Tool::of_program(Path::new("/rabbitmqctl/pillarbox")), None);
    }
}
