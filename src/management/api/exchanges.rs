//! `/api/exchanges`: where messages are published to.

use amqp::FieldTable;
use broker::Authority;
use serde_json::{Value, json};
use server::admin::{Admin, ExchangeInfo, ExchangeKey, MessageStats, NewExchange, Put, Rehearsal};

use crate::answer::Answer;
use crate::document::Document;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::request::Request;
use crate::stats::{self, message_stats};
use crate::tables::table_to_json;

/// Those of all vhosts that the caller may see.
pub(crate) fn list(request: &Request) -> Result<Answer, Failure> {
    answer(request, request.in_vhosts(|admin, vhost| admin.exchange_keys(vhost)))
}

/// Those of one vhost.
pub(crate) fn list_of_vhost(request: &Request) -> Result<Answer, Failure> {
    answer(request, request.admin.exchange_keys(Some(request.part("vhost"))))
}

fn answer(request: &Request, exchanges: Vec<ExchangeKey>) -> Result<Answer, Failure> {
    let admin = request.admin.clone();
    request.listing()?.answer(exchanges, move |key, wanted| {
        admin.exchange_at(key).map(|exchange| fields(&exchange, wanted))
    })
}

/// One exchange.
pub(crate) fn show(request: &Request) -> Result<Answer, Failure> {
    let exchange = request.admin.exchange(request.part("vhost"), name(request));
    let mut fields = fields(&exchange.ok_or_else(Failure::not_found)?, &Wanted::ALL);
    fields.put(&Wanted::ALL, "incoming", Value::Array(Vec::new())).put(
        &Wanted::ALL,
        "outgoing",
        Value::Array(Vec::new()),
    );
    Answer::json(&fields)
}

/// The exchange of the path; the default one, which has no name, goes by `amq.default`.
pub(crate) fn name(request: &Request) -> &str {
    match request.part("exchange") {
        "amq.default" => "",
        name => name,
    }
}

fn fields(exchange: &ExchangeInfo, wanted: &Wanted) -> Fields {
    let spec = &exchange.spec;
    let mut fields = Fields::new();
    fields
        .put(wanted, "name", spec.name.as_str())
        .put(wanted, "vhost", exchange.vhost.as_str())
        .put(wanted, "type", spec.kind.as_str())
        .put(wanted, "durable", spec.durable)
        .put(wanted, "auto_delete", spec.auto_delete)
        .put(wanted, "internal", spec.internal)
        .put_with(wanted, "arguments", || table_to_json(&spec.arguments))
        .put(wanted, "policy", exchange.policy.as_deref())
        .put(wanted, "operator_policy", exchange.operator_policy.as_deref())
        .put_with(wanted, "effective_policy_definition", || {
            exchange.effective_policy.as_deref().map_or_else(|| json!({}), table_to_json)
        })
        .put(wanted, "user_who_performed_action", "")
        .put_with(wanted, "message_stats", || {
            let (publish_in, publish_out) = (exchange.publish_in, exchange.publish_out);
            let all = MessageStats { publish_in, publish_out, ..MessageStats::default() };
            message_stats(&all, stats::OF_EXCHANGE)
        });
    stats::put_counter(
        &mut fields,
        wanted,
        ("unroutable", "unroutable_details"),
        exchange.unroutable,
    );
    fields
}

/// Declares an exchange.
pub(crate) async fn put(request: &Request) -> Result<Answer, Failure> {
    let (authority, document) = (request.authority()?, request.document()?);
    Answer::put(put_one(&request.admin, &authority, name(request), &document).await?)
}

/// Declares an exchange as a request or a file of definitions says.
pub(crate) async fn put_one(
    admin: &Admin,
    authority: &Authority,
    name: &str,
    document: &Document,
) -> Result<Put, Failure> {
    let arguments = document.arguments()?;
    Ok(admin.declare_exchange(authority, &read(name, document, &arguments)?).await?)
}

/// Whether an exchange could be declared as a file of definitions says.
pub(crate) fn rehearse_one(
    rehearsal: &mut Rehearsal<'_>,
    vhost: &str,
    document: &Document,
) -> Result<(), Failure> {
    let arguments = document.arguments()?;
    let exchange = read(document.text("name")?, document, &arguments)?;
    Ok(rehearsal.declare_exchange(vhost, &exchange)?)
}

fn read<'a>(
    name: &'a str,
    document: &'a Document,
    arguments: &'a FieldTable,
) -> Result<NewExchange<'a>, Failure> {
    Ok(NewExchange {
        name,
        kind: document.text_or("type", "direct")?,
        durable: document.is_true_or("durable", true)?,
        auto_delete: document.is_true("auto_delete")?,
        internal: document.is_true("internal")?,
        arguments,
    })
}

/// Deletes an exchange, if nothing is bound to it where that is asked for.
pub(crate) async fn delete(request: &Request) -> Result<Answer, Failure> {
    let (authority, if_unused) = (request.authority()?, request.query.is_true("if-unused"));
    request.admin.delete_exchange(&authority, name(request), if_unused).await?;
    Answer::done()
}
