//! `pillarbox user`: who may log in, and what they may do.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::DefaultFolder;
use crate::access::{Access, Secret, first_line_of, prompt};
use crate::api::{Api, path};
use crate::output::Output;

/// Add users, change them, and let them into vhosts.
#[derive(Args, Debug)]
pub struct User {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    access: Access,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a user, or change password and tags of one
    #[command(after_help = "\
Example:
  pillarbox user add anna --tags management
  pillarbox user permit anna --vhost shop")]
    Add(NewUser),
    /// Give a user another password; all connections with the old one are closed
    Password {
        name: String,
        #[command(flatten)]
        password: NewPassword,
    },
    /// Give a user other tags
    Tags {
        name: String,
        /// management, policymaker, monitoring, administrator, impersonator; none takes all away
        tags: Vec<String>,
    },
    /// Let a user into a vhost, and say what they may do there: everything, if nothing else is said
    Permit {
        name: String,
        /// The vhost
        #[arg(short = 'p', long, default_value = "/")]
        vhost: String,
        /// A regular expression over the names of what they may declare and delete
        #[arg(long, default_value = ".*", value_name = "PATTERN")]
        configure: String,
        /// The same for what they may publish to
        #[arg(long, default_value = ".*", value_name = "PATTERN")]
        write: String,
        /// The same for what they may consume from
        #[arg(long, default_value = ".*", value_name = "PATTERN")]
        read: String,
    },
    /// Take from a user all that they may do in a vhost
    Forbid {
        name: String,
        /// The vhost
        #[arg(short = 'p', long, default_value = "/")]
        vhost: String,
    },
    /// Take a user away; their connections are closed
    Delete { name: String },
}

/// A user who is made.
#[derive(Args, Debug)]
pub(crate) struct NewUser {
    name: String,
    /// Tags, with commas between them: management, policymaker, monitoring, administrator, impersonator
    #[arg(long, value_name = "TAGS", default_value = "")]
    tags: String,
    #[command(flatten)]
    password: NewPassword,
}

/// The password of somebody else. It is asked for if none of these is given.
#[derive(Args, Debug)]
struct NewPassword {
    /// A file whose first line is the new password; `-` is the standard input
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    /// They cannot log in with a password
    #[arg(long, conflicts_with = "new_password_file")]
    no_password: bool,
}

impl NewPassword {
    /// What the API is told.
    fn read(&self, name: &str) -> anyhow::Result<(&'static str, Secret)> {
        if self.no_password {
            return Ok(("password_hash", Secret::new(String::new())));
        }
        match &self.new_password_file {
            Some(file) => Ok(("password", first_line_of(file)?)),
            None => {
                let password = prompt(&format!("New password of {name}: "))?;
                let again = prompt("Once more: ")?;
                anyhow::ensure!(
                    password == again,
                    "these are two different passwords: nothing was changed"
                );
                Ok(("password", password))
            }
        }
    }
}

impl NewUser {
    /// Makes the user.
    pub(crate) fn add(self, api: &Api) -> anyhow::Result<String> {
        let Self { name, tags, password } = self;
        let (key, password) = password.read(&name)?;
        let body = json!({ key: password.text(), "tags": tags });
        api.put(&path(&["users", &name]), &body)
            .with_context(|| format!("cannot add the user '{name}'"))?;
        Ok(format!(
            "the user '{name}' is there; `pillarbox user permit {name}` lets them into a vhost"
        ))
    }
}

impl User {
    /// Does it.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let api = self.access.api(default_folder)?;
        let said = match self.what {
            What::Add(new) => new.add(&api)?,
            What::Password { name, password } => {
                let known = known(&api, &name)?;
                let (key, password) = password.read(&name)?;
                let body = json!({ key: password.text(), "tags": known["tags"] });
                api.put(&path(&["users", &name]), &body)?;
                format!("the user '{name}' has another password")
            }
            What::Tags { name, tags } => {
                set_tags(&api, &known(&api, &name)?, &tags)?;
                format!("the user '{name}' has the tags {}", tags.join(", "))
            }
            What::Permit { name, vhost, configure, write, read } => {
                let body = json!({ "configure": configure, "write": write, "read": read });
                api.put(&path(&["permissions", &vhost, &name]), &body)
                    .with_context(|| format!("cannot let '{name}' into vhost '{vhost}'"))?;
                format!("the user '{name}' may enter vhost '{vhost}'")
            }
            What::Forbid { name, vhost } => {
                api.delete(&path(&["permissions", &vhost, &name])).map_err(|error| {
                    error.about(&format!("permission of '{name}' in vhost '{vhost}'"))
                })?;
                format!("the user '{name}' may not enter vhost '{vhost}' any more")
            }
            What::Delete { name } => {
                api.delete(&path(&["users", &name]))
                    .map_err(|error| error.about(&format!("user '{name}'")))?;
                format!("the user '{name}' is gone")
            }
        };
        Ok(Output::line(said))
    }
}

fn known(api: &Api, name: &str) -> anyhow::Result<Value> {
    Ok(api.get(&path(&["users", name])).map_err(|error| error.about(&format!("user '{name}'")))?)
}

/// Gives a user, as the API shows them, other tags and the same password.
pub(crate) fn set_tags(
    api: &Api,
    user: &Value,
    tags: &[String],
) -> Result<(), crate::api::ApiError> {
    let name = user["name"].as_str().unwrap_or_default();
    let body = json!({
        "password_hash": user["password_hash"],
        "hashing_algorithm": user["hashing_algorithm"],
        "tags": tags,
    });
    api.put(&path(&["users", name]), &body)
}
