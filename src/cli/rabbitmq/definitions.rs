//! Commands that export and import definitions.

use std::path::Path;

use super::call::{Call, Done};
use super::fault::{DATA, Fault, USAGE};
use crate::definitions::{read_definitions, write_privately};

fn need_json(call: &Call<'_>) -> Result<(), Fault> {
    match call.arguments.value("format") {
        None | Some("json") => Ok(()),
        Some(_) => {
            Err(call
                .misused(USAGE, "Formatter should be 'json': Erlang's terms are not written here"))
        }
    }
}

pub(super) fn export(call: &mut Call<'_>) -> Result<Done, Fault> {
    need_json(call)?;
    let (api, file) = (call.api()?, call.word(0).to_owned());
    if file == "-" {
        return Ok(Done::Text(api.get_text("/definitions")?));
    }
    call.say(format!("Exporting definitions in JSON to a file at \"{file}\" ..."));
    write_privately(Path::new(&file), &api.get_text("/definitions")?)?;
    Ok(Done::Silently)
}

pub(super) fn import(call: &mut Call<'_>) -> Result<Done, Fault> {
    need_json(call)?;
    let file = match call.words().first() {
        Some(file) => file.clone(),
        None => "-".to_owned(),
    };
    if file == "-" {
        call.say("Importing definitions in JSON from standard input ...");
    } else {
        if !Path::new(&file).exists() {
            return Err(call.misused(DATA, &format!("Bad argument: File {file} does not exist")));
        }
        call.say(format!("Importing definitions in JSON from a file at \"{file}\" ..."));
    }
    let definitions = read_definitions(Path::new(&file))?;
    call.api()?.post("/definitions", &definitions)?;
    call.say(
        "Successfully started definition import. This process is asynchronous and can take some time.",
    );
    Ok(Done::Silently)
}
