//! `/api/bindings`: which messages of an exchange go where.

use amqp::FieldTable;
use broker::{Authority, Destination};
use server::admin::{Admin, BindingInfo, BindingKey, Rehearsal};

use crate::answer::Answer;
use crate::api::exchanges;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::tables::{properties_key, table_to_json};

/// Those of all vhosts that the caller may see.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    let bindings = request.in_vhosts(|admin, vhost| admin.bindings(vhost));
    request.listing()?.answer(bindings, fields)
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    request.listing()?.answer(request.admin.bindings(Some(request.part("vhost"))), fields)
}

/// Those that lead to a queue.
pub(crate) fn list_of_queue(request: &Request) -> Result<Answer, Failure> {
    to(request, &Destination::Queue(request.part("queue").into()))
}

/// Those that lead to an exchange.
pub(crate) fn list_to_exchange(request: &Request) -> Result<Answer, Failure> {
    to(request, &Destination::Exchange(exchanges::name(request).into()))
}

/// Those that lead away from an exchange.
pub(crate) fn list_from_exchange(request: &Request) -> Result<Answer, Failure> {
    let bindings = request.admin.bindings_from(request.part("vhost"), exchanges::name(request));
    request.listing()?.answer(bindings.ok_or_else(Failure::not_found)?, fields)
}

fn to(request: &Request, destination: &Destination) -> Result<Answer, Failure> {
    let bindings = request.admin.bindings_to(request.part("vhost"), destination);
    request.listing()?.answer(bindings.ok_or_else(Failure::not_found)?, fields)
}

/// Those between an exchange and a queue or another exchange.
pub(crate) fn list_between(request: &Request) -> Result<Answer, Failure> {
    request.listing()?.answer(between(request)?, fields)
}

/// One of those, by its key.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    Answer::json(&fields(&named(request)?, &Wanted::ALL))
}

/// The binding of the path.
pub(crate) fn named(request: &Request) -> Result<BindingInfo, Failure> {
    let mut bindings = between(request)?.into_iter();
    let key = request.part("props");
    bindings.find(|binding| key_of(binding) == key).ok_or_else(Failure::not_found)
}

fn between(request: &Request) -> Result<Vec<BindingInfo>, Failure> {
    let destination = destination(request)?;
    let bindings = request.admin.bindings_from(request.part("vhost"), exchanges::name(request));
    let mut bindings = bindings.ok_or_else(Failure::not_found)?;
    bindings.retain(|binding| binding.destination == destination);
    if bindings.is_empty() {
        let found = request.admin.bindings_to(request.part("vhost"), &destination);
        found.ok_or_else(Failure::not_found)?;
    }
    Ok(bindings)
}

/// What the path says of where messages go: `q` and `e` are queues and exchanges.
pub(crate) fn destination(request: &Request) -> Result<Destination, Failure> {
    let name = request.part("destination");
    match request.part("kind") {
        "q" => Ok(Destination::Queue(name.into())),
        "e" => Ok(Destination::Exchange(name.into())),
        _ => Err(Failure::not_found()),
    }
}

fn key_of(binding: &BindingInfo) -> String {
    properties_key(&String::from_utf8_lossy(&binding.routing_key), &binding.arguments)
}

/// Where a binding is, from what it was posted to.
pub(crate) fn location(
    destination: &str,
    routing_key: &str,
    arguments: &amqp::FieldTable,
) -> String {
    let escaped = |text: &str| -> String {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    format!("{}/{}", escaped(destination), escaped(&properties_key(routing_key, arguments)))
}

fn fields(binding: &BindingInfo, wanted: &Wanted) -> Fields {
    let mut fields = Fields::new();
    let kind = match binding.destination {
        Destination::Queue(_) => "queue",
        Destination::Exchange(_) => "exchange",
    };
    fields
        .put(wanted, "source", binding.source.as_str())
        .put(wanted, "vhost", binding.vhost.as_str())
        .put(wanted, "destination", binding.destination.name())
        .put(wanted, "destination_type", kind)
        .put_with(wanted, "routing_key", || String::from_utf8_lossy(&binding.routing_key).into())
        .put_with(wanted, "arguments", || table_to_json(&binding.arguments))
        .put_with(wanted, "properties_key", || key_of(binding).into());
    fields
}

/// Binds a queue or an exchange to an exchange.
pub(crate) async fn post(request: &Request) -> Result<Answer, Failure> {
    let (authority, document) = (request.authority()?, request.document()?);
    let (source, destination) = (exchanges::name(request), destination(request)?);
    post_one(&request.admin, &authority, (source, &destination), &document).await?;
    let (routing_key, arguments) = (document.text_or("routing_key", "")?, document.arguments()?);
    Answer::created_at(location(destination.name(), routing_key, &arguments))
}

/// Binds as a request or a file of definitions says.
pub(crate) async fn post_one(
    admin: &Admin,
    authority: &Authority,
    (source, destination): (&str, &Destination),
    document: &Document,
) -> Result<(), Failure> {
    let arguments = document.arguments()?;
    Ok(admin.bind(authority, &read((source, destination), document, &arguments)?).await?)
}

/// Whether something could be bound as a file of definitions says.
pub(crate) fn rehearse_one(
    rehearsal: &mut Rehearsal<'_>,
    vhost: &str,
    document: &Document,
) -> Result<(), Failure> {
    let (source, destination) = ends(document)?;
    let arguments = document.arguments()?;
    let binding = read((source, &destination), document, &arguments)?;
    Ok(rehearsal.bind(vhost, &binding)?)
}

/// What a file of definitions says of where messages come from and where they go.
pub(crate) fn ends(document: &Document) -> Result<(&str, Destination), Failure> {
    let name = document.text("destination")?;
    let destination = match document.text("destination_type")? {
        "queue" => Destination::Queue(name.into()),
        "exchange" => Destination::Exchange(name.into()),
        other => return Err(Failure::bad_request(format!("nothing is bound to a '{other}'"))),
    };
    Ok((document.text("source")?, destination))
}

fn read<'a>(
    (source, destination): (&'a str, &'a Destination),
    document: &'a Document,
    arguments: &'a FieldTable,
) -> Result<BindingKey<'a>, Failure> {
    let routing_key = document.text_or("routing_key", "")?;
    Ok(BindingKey { source, destination, routing_key, arguments })
}

/// Takes a binding back.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    let (authority, binding) = (request.authority()?, named(request)?);
    let routing_key = std::str::from_utf8(&binding.routing_key);
    let routing_key = routing_key.map_err(|_| {
        Failure::bad_request("the key of this binding is no text: take it back with a client")
    })?;
    let key = BindingKey {
        source: &binding.source,
        destination: &binding.destination,
        routing_key,
        arguments: &binding.arguments,
    };
    request.admin.unbind(&authority, &key).await?;
    Answer::done()
}
