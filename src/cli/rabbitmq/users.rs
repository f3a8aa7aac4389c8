//! Commands about users.

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::fault::{DATA, Fault, NO_USER, SOFTWARE};
use super::format::Rows;
use crate::access::{Secret, basic, first_line_of};
use crate::api::{Api, ApiError, path};
use crate::user::set_tags;

/// The tags that `list_users` writes.
pub(super) fn list(call: &mut Call<'_>) -> Result<Done, Fault> {
    let api = call.api()?;
    call.say("Listing users ...");
    let users = api.get("/users?columns=name,tags")?;
    let rows = users.as_array().into_iter().flatten();
    let rows = rows.map(|user| vec![user["name"].clone(), user["tags"].clone()]).collect();
    let columns = vec!["user".to_owned(), "tags".to_owned()];
    Ok(Done::Rows(Rows { columns, rows, ..Rows::default() }))
}

fn no_user(name: &str) -> Fault {
    Fault::error(NO_USER, &format!("User \"{name}\" does not exist"))
}

fn find(api: &Api, name: &str) -> Result<Value, Fault> {
    api.find(&path(&["users", name]))?.ok_or_else(|| no_user(name))
}

/// A password that is given, or the first line of the standard input.
fn password(call: &Call<'_>, position: usize) -> Result<Secret, Fault> {
    match call.words().get(position) {
        Some(password) => Ok(Secret::new(password.clone())),
        None => Ok(first_line_of("-".as_ref())?),
    }
}

pub(super) fn add(call: &mut Call<'_>) -> Result<Done, Fault> {
    let name = call.word(0).to_owned();
    let (api, password) = (call.api()?, password(call, 1)?);
    call.say(format!("Adding user \"{name}\" ..."));
    let place = path(&["users", &name]);
    if api.find(&place)?.is_some() {
        return Err(Fault::error(SOFTWARE, &format!("User \"{name}\" already exists")));
    }
    let key = if call.has("pre-hashed-password") { "password_hash" } else { "password" };
    api.put(&place, &json!({ key: password.text(), "tags": "" }))?;
    call.say(
        "Done. Don't forget to grant the user permissions to some virtual hosts! See 'rabbitmqctl help set_permissions' to learn more.",
    );
    Ok(Done::Silently)
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Deleting user \"{name}\" ..."));
    match api.delete(&path(&["users", &name])) {
        Err(error) if error.is_missing() => Err(no_user(&name)),
        done => Ok(done.map(|()| Done::Silently)?),
    }
}

pub(super) fn change_password(call: &mut Call<'_>) -> Result<Done, Fault> {
    let name = call.word(0).to_owned();
    let (api, password) = (call.api()?, password(call, 1)?);
    call.say(format!("Changing password for user \"{name}\" ..."));
    let known = find(&api, &name)?;
    let body = json!({ "password": password.text(), "tags": known["tags"] });
    api.put(&path(&["users", &name]), &body)?;
    Ok(Done::Silently)
}

pub(super) fn clear_password(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name) = (call.api()?, call.word(0).to_owned());
    call.say(format!("Clearing password for user \"{name}\" ..."));
    let known = find(&api, &name)?;
    let body = json!({ "password_hash": "", "tags": known["tags"] });
    api.put(&path(&["users", &name]), &body)?;
    Ok(Done::Silently)
}

pub(super) fn set_user_tags(call: &mut Call<'_>) -> Result<Done, Fault> {
    let (api, name) = (call.api()?, call.word(0).to_owned());
    let tags = call.words()[1..].to_vec();
    call.say(format!("Setting tags for user \"{name}\" to [{}] ...", tags.join(", ")));
    set_tags(&api, &find(&api, &name)?, &tags)?;
    Ok(Done::Silently)
}

/// Logs in as the user, from this machine.
pub(super) fn authenticate(call: &mut Call<'_>) -> Result<Done, Fault> {
    let name = call.word(0).to_owned();
    let (api, password) = (call.api()?, password(call, 1)?);
    call.say(format!("Authenticating user \"{name}\" ..."));
    match api.with_login(basic(&name, &password)).get("/whoami") {
        Ok(_) => {}
        // Who may not use the API has logged in before that was found.
        Err(ApiError::Refused { status: 401, .. }) => {}
        Err(ApiError::LoginFailed { .. }) => {
            return Err(Fault::error(
                DATA,
                &format!(
                    "Error: failed to authenticate user \"{name}\"\nuser '{name}' - invalid credentials"
                ),
            ));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(Done::Text("Success".to_owned()))
}
