//! What an operator declares, binds and deletes, and the words in which it is refused.

use std::pin::Pin;

use amqp::{FieldTable as Arguments, FieldValue, ShortString};
use broker::exchange::Destination;

use super::*;

const PLAIN: NewQueue<'static> =
    NewQueue { name: "q", durable: true, auto_delete: false, arguments: &NONE };
const NONE: Arguments = Arguments::new();

fn arguments(entries: &[(&'static str, FieldValue)]) -> Arguments {
    let mut table = Arguments::new();
    for (key, value) in entries {
        table.insert(ShortString::from_static(key), value.clone());
    }
    table
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, AdminError>, text: &str) {
    assert_eq!(result.unwrap_err().to_string(), text);
}

#[tokio::test]
async fn queues_are_declared_purged_and_deleted() {
    let stage = Stage::new().await;
    let (admin, guest) = (&stage.admin, stage.guest());
    assert_eq!(admin.declare_queue(&guest, &PLAIN).await.unwrap(), Put::Created);
    assert_eq!(admin.declare_queue(&guest, &PLAIN).await.unwrap(), Put::Updated);
    let ttl = arguments(&[("x-message-ttl", FieldValue::I32(5))]);
    refused(
        admin.declare_queue(&guest, &NewQueue { arguments: &ttl, ..PLAIN }).await,
        "PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': \
         received the value '5' of type 'signedint' but current is none",
    );
    refused(
        admin.declare_queue(&guest, &NewQueue { name: "amq.mine", ..PLAIN }).await,
        "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'",
    );
    refused(
        admin.declare_queue(&guest, &NewQueue { name: "", ..PLAIN }).await,
        "a queue needs a name",
    );
    let long = "x".repeat(256);
    let result = admin.declare_queue(&guest, &NewQueue { name: &long, ..PLAIN }).await;
    assert!(matches!(result, Err(AdminError::Invalid { .. })), "{result:?}");
    let mut nested = NONE;
    for _ in 0..40 {
        nested = arguments(&[("a", FieldValue::Table(nested))]);
    }
    let result =
        admin.declare_queue(&guest, &NewQueue { name: "n", arguments: &nested, ..PLAIN }).await;
    assert!(matches!(result, Err(AdminError::Invalid { .. })), "{result:?}");

    for _ in 0..3 {
        assert!(admin.publish(&guest, ("", "q"), &Default::default(), "x".into()).await.unwrap());
    }
    refused(
        admin.delete_queue(&guest, "q", false, true).await,
        "PRECONDITION_FAILED - queue 'q' in vhost '/' not empty",
    );
    assert_eq!(admin.purge_queue(&guest, "q").await.unwrap(), 3);
    assert_eq!(stage.queue("q").messages.total.value, 0);
    admin.delete_queue(&guest, "q", true, true).await.unwrap();
    assert!(admin.queue("/", "q").is_none());
    let result = admin.delete_queue(&guest, "q", false, false).await;
    assert!(matches!(result, Err(AdminError::NotFound { .. })), "{result:?}");
    refused(admin.purge_queue(&guest, "q").await, "NOT_FOUND - no queue 'q' in vhost '/'");
    stage.end().await;
}

#[tokio::test]
async fn what_clients_use_is_not_an_operators() {
    let stage = Stage::new().await;
    let (admin, guest) = (&stage.admin, stage.guest());
    let (_connection, channel) = stage.channel().await;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("own".into(), exclusive, FieldTable::default()).await.unwrap();
    let locked = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'own' in vhost '/'. \
                  It could be originally declared on another connection or the exclusive property value \
                  does not match that of the original declaration.";
    refused(admin.purge_queue(&guest, "own").await, locked);
    refused(admin.delete_queue(&guest, "own", false, false).await, locked);
    refused(admin.get_messages(&guest, "own", 1, AckMode::Requeue).await, locked);
    refused(
        admin.declare_queue(&guest, &NewQueue { name: "own", durable: false, ..PLAIN }).await,
        locked,
    );
    declare(&channel, "q").await;
    let options = BasicConsumeOptions::default();
    let _consumer =
        channel.basic_consume("q".into(), "".into(), options, FieldTable::default()).await.unwrap();
    refused(
        admin.delete_queue(&guest, "q", true, false).await,
        "PRECONDITION_FAILED - queue 'q' in vhost '/' in use",
    );
    admin.delete_queue(&guest, "q", false, false).await.unwrap();
    stage.end().await;
}

#[tokio::test]
async fn a_user_without_the_right_is_refused_first() {
    let stage = Stage::new().await;
    let (admin, bob) = (&stage.admin, stage.authority("bob", "/"));
    let user = admin.user("bob").unwrap();
    assert!(admin.authority(&user, "other").is_none() && admin.authority(&user, "none").is_none());
    let denied = |action: &str, what: &str| {
        format!("ACCESS_REFUSED - {action} access to {what} in vhost '/' refused for user 'bob'")
    };
    let (configure, write, read) = (
        denied("configure", "queue 'q'"),
        denied("write", "queue 'q'"),
        denied("read", "queue 'q'"),
    );
    refused(admin.declare_queue(&bob, &PLAIN).await, &configure);
    refused(admin.delete_queue(&bob, "q", false, false).await, &configure);
    refused(admin.purge_queue(&bob, "q").await, &read);
    refused(admin.get_messages(&bob, "q", 1, AckMode::Requeue).await, &read);
    let properties = Properties::default();
    let default = denied("write", "exchange 'amq.default'");
    refused(admin.publish(&bob, ("", "q"), &properties, "x".into()).await, &default);
    let exchange = NewExchange {
        name: "x",
        kind: "direct",
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: &NONE,
    };
    let configure = denied("configure", "exchange 'x'");
    refused(admin.declare_exchange(&bob, &exchange).await, &configure);
    refused(admin.delete_exchange(&bob, "x", false).await, &configure);
    let to_q = Destination::Queue("q".into());
    let key = BindingKey { source: "mine", destination: &to_q, routing_key: "", arguments: &NONE };
    refused(admin.bind(&bob, &key).await, &write);
    refused(admin.unbind(&bob, &key).await, &write);
    let mine = Destination::Queue("mine".into());
    let key = BindingKey { source: "amq.direct", destination: &mine, ..key };
    refused(admin.bind(&bob, &key).await, &denied("read", "exchange 'amq.direct'"));
    let own = NewQueue { name: "mine", ..PLAIN };
    assert_eq!(admin.declare_queue(&bob, &own).await.unwrap(), Put::Created);
    stage.end().await;
}

#[tokio::test]
async fn exchanges_and_bindings_come_and_go() {
    let stage = Stage::new().await;
    let (admin, guest) = (&stage.admin, stage.guest());
    let exchange = NewExchange {
        name: "x",
        kind: "topic",
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: &NONE,
    };
    assert_eq!(admin.declare_exchange(&guest, &exchange).await.unwrap(), Put::Created);
    assert_eq!(admin.declare_exchange(&guest, &exchange).await.unwrap(), Put::Updated);
    refused(
        admin.declare_exchange(&guest, &NewExchange { kind: "nonsense", ..exchange }).await,
        "PRECONDITION_FAILED - unknown exchange type 'nonsense'",
    );
    refused(
        admin.declare_exchange(&guest, &NewExchange { kind: "fanout", ..exchange }).await,
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'topic'",
    );
    admin.declare_queue(&guest, &PLAIN).await.unwrap();
    let queue = Destination::Queue("q".into());
    let headers = arguments(&[("k", FieldValue::Bool(true))]);
    let plain =
        BindingKey { source: "x", destination: &queue, routing_key: "a b", arguments: &NONE };
    let with_arguments = BindingKey { arguments: &headers, ..plain };
    admin.bind(&guest, &plain).await.unwrap();
    admin.bind(&guest, &with_arguments).await.unwrap();
    let fanout = Destination::Exchange("amq.fanout".into());
    let onwards = BindingKey { destination: &fanout, ..plain };
    admin.bind(&guest, &onwards).await.unwrap();
    let shown = |bindings: Option<Vec<BindingInfo>>| -> Vec<String> {
        let show = |it: BindingInfo| {
            let key = String::from_utf8_lossy(&it.routing_key).into_owned();
            format!("{:?} → {} {key:?} {}", it.source, it.destination, it.arguments.len())
        };
        bindings.unwrap().into_iter().map(show).collect()
    };
    let default = "\"\" → queue 'q' \"q\" 0";
    let (bare, more) = ("\"x\" → queue 'q' \"a b\" 0", "\"x\" → queue 'q' \"a b\" 1");
    let on = "\"x\" → exchange 'amq.fanout' \"a b\" 0";
    assert_eq!(shown(Some(admin.bindings(Some("/")))), [default, bare, more, on]);
    assert_eq!(shown(admin.bindings_from("/", "x")), [bare, more, on]);
    assert_eq!(shown(admin.bindings_from("/", "")), [default]);
    assert_eq!(shown(admin.bindings_to("/", &queue)), [default, bare, more]);
    assert_eq!(shown(admin.bindings_to("/", &fanout)), [on]);
    assert!(
        admin.bindings_from("/", "none").is_none() && admin.bindings_to("other", &queue).is_none()
    );

    let from_default = BindingKey { source: "", ..plain };
    refused(
        admin.bind(&guest, &from_default).await,
        "ACCESS_REFUSED - operation not permitted on the default exchange",
    );
    refused(
        admin.bind(&guest, &BindingKey { source: "none", ..plain }).await,
        "NOT_FOUND - no exchange 'none' in vhost '/'",
    );
    refused(
        admin.delete_exchange(&guest, "x", true).await,
        "PRECONDITION_FAILED - exchange 'x' in vhost '/' in use",
    );
    refused(
        admin.delete_exchange(&guest, "amq.topic", false).await,
        "ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed",
    );
    admin.unbind(&guest, &plain).await.unwrap();
    let result = admin.unbind(&guest, &plain).await;
    assert!(matches!(result, Err(AdminError::NotFound { .. })), "{result:?}");
    assert_eq!(shown(admin.bindings_from("/", "x")), [more, on]);
    admin.delete_exchange(&guest, "x", false).await.unwrap();
    let result = admin.delete_exchange(&guest, "x", false).await;
    assert!(matches!(result, Err(AdminError::NotFound { .. })), "{result:?}");
    stage.end().await;
}

#[test]
fn what_is_declared_outlives_the_process() {
    let run = |life: Pin<Box<dyn Future<Output = Options>>>| {
        tokio::runtime::Runtime::new().unwrap().block_on(life)
    };
    // What a node leaves running ends with its runtime.
    let options = run(Box::pin(declare_and_stop()));
    run(Box::pin(look_again(options)));
}

async fn declare_and_stop() -> Options {
    let stage = Stage::new().await;
    let guest = stage.guest();
    stage.admin.declare_queue(&guest, &PLAIN).await.unwrap();
    let queue = Destination::Queue("q".into());
    let key =
        BindingKey { source: "amq.topic", destination: &queue, routing_key: "k", arguments: &NONE };
    stage.admin.bind(&guest, &key).await.unwrap();
    let persistent = Properties { delivery_mode: Some(2), ..Properties::default() };
    assert!(
        stage.admin.publish(&guest, ("amq.topic", "k"), &persistent, "x".into()).await.unwrap()
    );
    let journal = stage.admin.node.shared.journal().unwrap();
    let next = journal.append().position();
    assert!(journal.flushed().0 + 1 >= next.0, "all is flushed but the batch that fills");
    let options = stage.admin.node.shared.options.clone();
    stage.server.stop("restart").await.unwrap();
    options
}

async fn look_again(options: Options) -> Options {
    let folder = options.store.as_ref().unwrap().data_dir.clone();
    // Who watches the disk lets go of the folder with the next look.
    let give_up = Instant::now() + PATIENCE;
    let server = loop {
        match Server::start(options.clone()).await {
            Ok(server) => break server,
            Err(error) => assert!(Instant::now() < give_up, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let stage = Stage { admin: server.admin(), server, folder };
    let queue = Destination::Queue("q".into());
    let there = stage.queue("q");
    assert_eq!((there.messages.ready.value, there.messages.persistent), (1, 1));
    assert_eq!((there.messages.paged_out, there.messages.paged_out_bytes), (1, 1));
    assert_eq!(stage.admin.bindings_to("/", &queue).unwrap().len(), 2);
    let got = stage.admin.get_messages(&stage.guest(), "q", 1, AckMode::Ack).await.unwrap();
    assert_eq!(&got[0].body[..], b"x");
    stage.end().await;
    options
}

#[tokio::test]
async fn a_connection_is_closed_with_a_reason() {
    let stage = Stage::new().await;
    let (connection, channel) = stage.channel().await;
    let name = stage.admin.connections()[0].name.clone();
    stage.admin.close_connection(&name, "no more of this").unwrap();
    let error = channel.basic_get("q".into(), BasicGetOptions::default()).await.unwrap_err();
    let gone = |connections: &Vec<ConnectionInfo>| connections.is_empty();
    until("it is gone", || stage.admin.connections(), gone).await;
    let text = "CONNECTION_FORCED - no more of this";
    let told = |status: &String| status.contains(text);
    assert!(told(&format!("{error:?} {:?}", connection.status())), "{error:?}");
    let result = stage.admin.close_connection(&name, "again");
    assert!(matches!(result, Err(AdminError::NotFound { .. })), "{result:?}");
    stage.end().await;
}
