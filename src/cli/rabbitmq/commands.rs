//! The table of commands: their names, how they are used, and who carries them out.

use super::call::{Call, Done};
use super::fault::{Fault, USAGE};
use super::{
    Tool, checks, definitions, limits, lists, node, permissions, plugins, policies, queues,
    serving, users, vhosts,
};
use crate::output::Output;

/// A command.
pub(super) struct Command {
    pub(super) name: &'static str,
    /// How it is used, behind its name.
    usage: &'static str,
    /// How many words it takes, at least and at most.
    pub(super) words: (usize, usize),
    pub(super) act: fn(&mut Call<'_>) -> Result<Done, Fault>,
}

const ANY: usize = usize::MAX;

/// A row of the tables below.
const fn command(
    name: &'static str,
    usage: &'static str,
    words: (usize, usize),
    act: fn(&mut Call<'_>) -> Result<Done, Fault>,
) -> Command {
    Command { name, usage, words, act }
}

const CTL: &[Command] = &[
    command("add_user", "<username> <password>", (1, 2), users::add),
    command(
        "add_vhost",
        "<vhost> [--description <description> --tags \"<tag1>,<tag2>,<...>\" --default-queue-type <quorum|classic|stream>]",
        (1, 1),
        vhosts::add,
    ),
    command("authenticate_user", "<username> <password>", (1, 2), users::authenticate),
    command("await_startup", "[--timeout <timeout>]", (0, 0), serving::await_startup),
    command("change_password", "<username> <password>", (1, 2), users::change_password),
    command("clear_global_parameter", "<key>", (1, 1), policies::clear_global_parameter),
    command(
        "clear_operator_policy",
        "[--vhost <vhost>] <key>",
        (1, 1),
        policies::clear_operator_policy,
    ),
    command(
        "clear_parameter",
        "[--vhost <vhost>] <component_name> <name>",
        (2, 2),
        policies::clear_parameter,
    ),
    command("clear_password", "<username>", (1, 1), users::clear_password),
    command("clear_permissions", "[--vhost <vhost>] <username>", (1, 1), permissions::clear),
    command("clear_policy", "[--vhost <vhost>] <key>", (1, 1), policies::clear_policy),
    command(
        "clear_topic_permissions",
        "[--vhost <vhost>] <username> [<exchange>]",
        (1, 2),
        permissions::clear_topic,
    ),
    command("clear_user_limits", "username <limit_type> | all", (2, 2), limits::clear_of_user),
    command("clear_vhost_limits", "[--vhost <vhost>]", (0, 0), limits::clear_of_vhost),
    command(
        "close_all_connections",
        "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay <delay>] <explanation>",
        (1, 1),
        queues::close_all_connections,
    ),
    command(
        "close_all_user_connections",
        "<username> <explanation>",
        (2, 2),
        queues::close_all_user_connections,
    ),
    command("close_connection", "<connection pid> <explanation>", (2, 2), queues::close_connection),
    command("cluster_status", "", (0, 0), node::cluster_status),
    command(
        "delete_queue",
        "[--vhost <vhost>] <queue_name> [--if-empty|-e] [--if-unused|-u] [--timeout <timeout>]",
        (1, 1),
        queues::delete,
    ),
    command("delete_user", "<username>", (1, 1), users::delete),
    command("delete_vhost", "<vhost>", (1, 1), vhosts::delete),
    command("enable_feature_flag", "<all | feature_flag>", (1, 1), node::enable_feature_flag),
    command("environment", "", (0, 0), node::environment),
    command(
        "export_definitions",
        "<file_path | \"-\"> [--format <json | erlang>]",
        (1, 1),
        definitions::export,
    ),
    command(
        "import_definitions",
        "<file_path | \"-\"> [--format <json | erlang>] [--skip-if-unchanged] [--timeout <timeout>]",
        (0, 1),
        definitions::import,
    ),
    command(
        "list_bindings",
        "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
        (0, ANY),
        lists::list_bindings,
    ),
    command(
        "list_channels",
        "[--no-table-headers] [<column> ...] [--timeout <timeout>]",
        (0, ANY),
        lists::list_channels,
    ),
    command(
        "list_connections",
        "[--no-table-headers] [<column> ...] [--timeout <timeout>]",
        (0, ANY),
        lists::list_connections,
    ),
    command(
        "list_consumers",
        "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
        (0, ANY),
        lists::list_consumers,
    ),
    command(
        "list_exchanges",
        "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
        (0, ANY),
        lists::list_exchanges,
    ),
    command(
        "list_feature_flags",
        "[--no-table-headers] [<column> ...] [--timeout <timeout>]",
        (0, ANY),
        node::list_feature_flags,
    ),
    command(
        "list_global_parameters",
        "[--no-table-headers] [--timeout <timeout>]",
        (0, 0),
        policies::list_global_parameters,
    ),
    command(
        "list_operator_policies",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        (0, 0),
        policies::list_operator_policies,
    ),
    command(
        "list_parameters",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        (0, 0),
        policies::list_parameters,
    ),
    command(
        "list_permissions",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        (0, 0),
        permissions::list_of_vhost,
    ),
    command(
        "list_policies",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        (0, 0),
        policies::list_policies,
    ),
    command(
        "list_queues",
        "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...] [--timeout <timeout>]",
        (0, ANY),
        lists::list_queues,
    ),
    command(
        "list_topic_permissions",
        "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]",
        (0, 0),
        permissions::list_topic_of_vhost,
    ),
    command(
        "list_user_limits",
        "[--user <name>] [--global] [--no-table-headers]",
        (0, 0),
        limits::list_of_users,
    ),
    command(
        "list_user_permissions",
        "[--no-table-headers] <username> [--timeout <timeout>]",
        (1, 1),
        permissions::list_of_user,
    ),
    command(
        "list_user_topic_permissions",
        "[--no-table-headers] <username> [--timeout <timeout>]",
        (1, 1),
        permissions::list_topic_of_user,
    ),
    command("list_users", "[--no-table-headers] [--timeout <timeout>]", (0, 0), users::list),
    command(
        "list_vhost_limits",
        "[--vhost <vhost>] [--global] [--no-table-headers]",
        (0, 0),
        limits::list_of_vhosts,
    ),
    command(
        "list_vhosts",
        "[--no-table-headers] [<column> ...] [--timeout <timeout>]",
        (0, ANY),
        vhosts::list,
    ),
    command("node_health_check", "", (0, 0), checks::node_health_check),
    command("ping", "", (0, 0), checks::ping),
    command("purge_queue", "[--vhost <vhost>] <queue>", (1, 1), queues::purge),
    command("report", "", (0, 0), node::report),
    command("resume_listeners", "", (0, 0), serving::resume_listeners),
    command("rotate_logs", "", (0, 0), node::rotate_logs),
    command("set_cluster_name", "<name>", (1, 1), policies::set_cluster_name),
    command(
        "set_disk_free_limit",
        "<disk_limit> | mem_relative <fraction>",
        (1, 2),
        limits::set_disk,
    ),
    command("set_global_parameter", "<key> <value>", (2, 2), policies::set_global_parameter),
    command(
        "set_operator_policy",
        "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>",
        (3, 3),
        policies::set_operator_policy,
    ),
    command(
        "set_parameter",
        "[--vhost <vhost>] <component_name> <name> <value>",
        (3, 3),
        policies::set_parameter,
    ),
    command(
        "set_permissions",
        "[--vhost <vhost>] <username> <conf> <write> <read>",
        (4, 4),
        permissions::set,
    ),
    command(
        "set_policy",
        "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>",
        (3, 3),
        policies::set_policy,
    ),
    command(
        "set_topic_permissions",
        "[--vhost <vhost>] <username> <exchange> <write> <read>",
        (4, 4),
        permissions::set_topic,
    ),
    command("set_user_limits", "<username> <definition>", (2, 2), limits::set_of_user),
    command("set_user_tags", "<username> <tag> [...]", (1, ANY), users::set_user_tags),
    command("set_vhost_limits", "[--vhost <vhost>] <definition>", (1, 1), limits::set_of_vhost),
    command(
        "set_vm_memory_high_watermark",
        "<fraction> | absolute <value>",
        (1, 2),
        limits::set_memory,
    ),
    command("shutdown", "[--timeout <timeout>]", (0, 0), serving::stop),
    command("start_app", "", (0, 0), serving::start_app),
    command("status", "[--unit <unit>] [--timeout <timeout>]", (0, 0), node::status),
    command("stop", "[<pidfile>]", (0, 1), serving::stop),
    command("stop_app", "", (0, 0), serving::stop_app),
    command("suspend_listeners", "", (0, 0), serving::suspend_listeners),
    command("trace_off", "[--vhost <vhost>]", (0, 0), vhosts::trace_off),
    command("trace_on", "[--vhost <vhost>]", (0, 0), vhosts::trace_on),
    command("version", "", (0, 0), node::version),
    command("wait", "[<pidfile>] [--pid|-P <pid>] [--timeout <timeout>]", (0, 1), serving::wait),
];

const DIAGNOSTICS: &[Command] = &[
    command("alarms", "[--timeout <timeout>]", (0, 0), checks::list_alarms),
    command("check_alarms", "[--timeout <timeout>]", (0, 0), checks::check_alarms),
    command(
        "check_certificate_expiration",
        "--within <period> --unit <unit>",
        (0, 0),
        checks::check_certificates,
    ),
    command("check_if_node_is_mirror_sync_critical", "", (0, 0), checks::check_mirrors),
    command("check_if_node_is_quorum_critical", "", (0, 0), checks::check_quorum),
    command("check_local_alarms", "[--timeout <timeout>]", (0, 0), checks::check_local_alarms),
    command(
        "check_port_connectivity",
        "[--timeout <timeout>]",
        (0, 0),
        checks::check_port_connectivity,
    ),
    command("check_port_listener", "<port>", (1, 1), checks::check_port_listener),
    command("check_protocol_listener", "<protocol>", (1, 1), checks::check_protocol_listener),
    command("check_running", "[--timeout <timeout>]", (0, 0), checks::check_running),
    command("check_virtual_hosts", "[--timeout <timeout>]", (0, 0), checks::check_virtual_hosts),
    command("cluster_status", "", (0, 0), node::cluster_status),
    command("environment", "", (0, 0), node::environment),
    command("is_booting", "[--timeout <timeout>]", (0, 0), checks::is_booting),
    command("is_running", "[--timeout <timeout>]", (0, 0), checks::is_running),
    command("listeners", "[--timeout <timeout>]", (0, 0), checks::list_listeners),
    command("log_location", "[--all|-a] [--timeout <timeout>]", (0, 0), checks::log_location),
    command("node_health_check", "", (0, 0), checks::node_health_check),
    command("ping", "", (0, 0), checks::ping),
    command("report", "", (0, 0), node::report),
    command("server_version", "", (0, 0), checks::server_version),
    command("status", "[--unit <unit>] [--timeout <timeout>]", (0, 0), node::status),
    command("version", "", (0, 0), node::version),
];

const PLUGINS: &[Command] = &[
    command(
        "disable",
        "<plugin1> [ <plugin2>] | --all [--offline] [--online]",
        (0, ANY),
        plugins::disable,
    ),
    command(
        "enable",
        "<plugin1> [ <plugin2>] | --all [--offline] [--online]",
        (0, ANY),
        plugins::enable,
    ),
    command(
        "is_enabled",
        "<plugin1> [ <plugin2>] [--offline] [--online] [--timeout <timeout>]",
        (1, ANY),
        plugins::is_enabled,
    ),
    command(
        "list",
        "[pattern] [--verbose] [--minimal] [--enabled] [--implicitly-enabled]",
        (0, 1),
        plugins::list,
    ),
    command("version", "", (0, 0), node::version),
];

impl Command {
    fn all(tool: Tool) -> &'static [Self] {
        match tool {
            Tool::Ctl => CTL,
            Tool::Diagnostics => DIAGNOSTICS,
            Tool::Plugins => PLUGINS,
        }
    }

    pub(super) fn find(tool: Tool, name: &str) -> Option<&'static Self> {
        Self::all(tool).iter().find(|command| command.name == name)
    }

    /// How it is used, as RabbitMQ shows it.
    pub(super) fn usage(&self, tool: Tool) -> String {
        let (name, usage) = (self.name, self.usage);
        let line =
            format!("{} [--node <node>] [--longnames] [--quiet] {name} {usage}", tool.name());
        format!("\u{1b}[1mUsage\u{1b}[0m\n\n{}", line.trim_end())
    }
}

/// What the tool can do.
pub(super) fn overview(tool: Tool, code: u8) -> Output {
    let mut text = format!(
        "\n\u{1b}[1mUsage\u{1b}[0m\n\n{} [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]\n\nAvailable commands:\n\n",
        tool.name()
    );
    for command in Command::all(tool) {
        text.push_str(&format!("   {}\n", command.name));
    }
    text.push_str(&format!(
        "\nUse '{} help <command>' to learn more about a specific command\n",
        tool.name()
    ));
    if code == 0 { Output::text(text) } else { Output { errors: text, code, ..Output::default() } }
}

/// How a command is used.
pub(super) fn help(tool: Tool, name: Option<&str>) -> Output {
    match name {
        None | Some("help") => overview(tool, 0),
        Some(name) => match Command::find(tool, name) {
            Some(command) => Output::line(format!("\n{}", command.usage(tool))),
            None => {
                let errors = format!("Error:\n\nCommand '{name}' not found.\n");
                Output { errors, code: USAGE, ..Output::default() }
            }
        },
    }
}

/// What is said to a command that there is not: of another broker, or misspelt.
pub(super) fn unknown(tool: Tool, name: &str) -> Output {
    let near = Command::all(tool).iter().find(|command| is_near(command.name, name));
    let errors = match near {
        Some(command) => {
            format!("\nCommand '{name}' not found. \nDid you mean '{}'? \n\n", command.name)
        }
        None => format!("\nCommand '{name}' not found. \n{}", overview(tool, USAGE).errors),
    };
    Output { errors, code: USAGE, ..Output::default() }
}

/// Whether one letter more or less makes the one of the other.
fn is_near(one: &str, other: &str) -> bool {
    let (shorter, longer) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let front = shorter.bytes().zip(longer.bytes()).take_while(|(a, b)| a == b).count();
    let back = shorter.bytes().rev().zip(longer.bytes().rev()).take_while(|(a, b)| a == b).count();
    longer.len() - shorter.len() <= 1 && front + back + 1 >= longer.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_slip_is_known() {
        for (slip, is_slip) in [
            ("list_queue", true),
            ("list_queuess", true),
            ("lost_queues", true),
            ("listqueues", true),
            ("list_exchanges", false),
            ("queues", false),
        ] {
            assert_eq!(is_near("list_queues", slip), is_slip, "{slip}");
        }
    }

    #[test]
    fn each_command_has_one_row_and_they_are_in_order() {
        for tool in Tool::ALL {
            let names: Vec<_> = Command::all(tool).iter().map(|command| command.name).collect();
            assert!(names.is_sorted_by(|one, other| one < other), "{names:?}");
        }
    }
}
