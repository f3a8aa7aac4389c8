//! Deleting queues and exchanges, on condition or not, and purging.

use lapin::{
    BasicProperties,
    options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeleteOptions},
};

use crate::client::{Client, Session, check_refused, table, unique};

async fn delete(session: &Session, queue: &str, options: QueueDeleteOptions) -> lapin::Result<u32> {
    session.channel.queue_delete(queue.into(), options).await
}

async fn purge(session: &Session, queue: &str) -> lapin::Result<u32> {
    session.channel.queue_purge(queue.into(), Default::default()).await
}

#[tokio::test]
async fn delete_counts_what_was_ready() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    client.expect(&queue).await;
    let plain = QueueDeleteOptions::default();
    assert_eq!(delete(&client, &queue, plain).await.unwrap(), 2);
    assert_eq!(delete(&client, &queue, plain).await.unwrap(), 0, "what is missing is deleted");
    let expected = format!("NOT_FOUND - no queue '{queue}' in vhost '/'");
    check_refused(client.passive(&queue).await, 404, &expected);
}

#[tokio::test]
async fn delete_may_ask_for_an_unused_or_empty_queue() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send(&queue, "1").await;
    let if_empty = QueueDeleteOptions { if_empty: true, ..QueueDeleteOptions::default() };
    let if_unused = QueueDeleteOptions { if_unused: true, ..QueueDeleteOptions::default() };
    let both = QueueDeleteOptions { if_empty: true, if_unused: true, nowait: false };
    let not_empty = format!("PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty");
    let in_use = format!("PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use");
    check_refused(delete(&client.session().await, &queue, if_empty).await, 406, &not_empty);
    let user = client.session().await;
    user.prefetch(1).await;
    let _consumer = user.consume(&queue).await;
    check_refused(delete(&client.session().await, &queue, if_unused).await, 406, &in_use);
    client.send(&queue, "2").await;
    check_refused(delete(&client.session().await, &queue, both).await, 406, &in_use);
    user.channel.close(200, "".into()).await.unwrap();
    check_refused(delete(&client.session().await, &queue, both).await, 406, &not_empty);
    purge(&client, &queue).await.unwrap();
    assert_eq!(delete(&client, &queue, both).await.unwrap(), 0);
}

#[tokio::test]
async fn purge_leaves_what_is_unacked() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    let held = client.expect(&queue).await;
    assert_eq!(purge(&client, &queue).await.unwrap(), 2);
    assert_eq!(purge(&client, &queue).await.unwrap(), 0);
    client.nack(held.delivery_tag, true).await;
    assert_eq!(client.drain(&queue, 1).await, ["1"]);
    let expected = "NOT_FOUND - no queue 'no such' in vhost '/'";
    check_refused(purge(&client, "no such").await, 404, expected);
}

#[tokio::test]
async fn bindings_go_with_the_queue() {
    let client = Client::connect().await;
    let exchange = client.exchange("fanout", []).await;
    let queue = client.bound_queue(&exchange, "").await;
    delete(&client, &queue, QueueDeleteOptions::default()).await.unwrap();
    let durable = crate::client::DURABLE;
    client.declare(&queue, durable, table([])).await.unwrap();
    client.publish(&exchange, "", "to nobody", BasicProperties::default()).await;
    assert!(client.drain(&queue, 0).await.is_empty());
}

#[tokio::test]
async fn an_exchange_in_use_may_be_spared() {
    let client = Client::connect().await;
    let exchange = client.exchange("fanout", []).await;
    let queue = client.bound_queue(&exchange, "").await;
    let if_unused = ExchangeDeleteOptions { if_unused: true, nowait: false };
    let session = client.session().await;
    let deleted = session.channel.exchange_delete(exchange.as_str().into(), if_unused).await;
    let expected = format!("PRECONDITION_FAILED - exchange '{exchange}' in vhost '/' in use");
    check_refused(deleted, 406, &expected);
    delete(&client, &queue, QueueDeleteOptions::default()).await.unwrap();
    client.channel.exchange_delete(exchange.as_str().into(), if_unused).await.unwrap();
    client.channel.exchange_delete(exchange.as_str().into(), if_unused).await.unwrap();
    let passive = ExchangeDeclareOptions { passive: true, ..ExchangeDeclareOptions::default() };
    let looked = client.declare_exchange(&exchange, "fanout", passive, table([])).await;
    let expected = format!("NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    check_refused(looked, 404, &expected);
}

#[tokio::test]
async fn an_exchange_that_only_receives_is_not_in_use() {
    let client = Client::connect().await;
    let (from, to) = (client.exchange("fanout", []).await, client.exchange("fanout", []).await);
    let (channel, options) = (&client.channel, Default::default());
    let (source, destination) = (from.as_str().into(), to.as_str().into());
    let arguments = table([]);
    channel.exchange_bind(destination, source, "".into(), options, arguments).await.unwrap();
    let if_unused = ExchangeDeleteOptions { if_unused: true, nowait: false };
    client.channel.exchange_delete(to.as_str().into(), if_unused).await.unwrap();
    // Its binding went with it.
    client.channel.exchange_delete(from.as_str().into(), if_unused).await.unwrap();
}

#[tokio::test]
async fn an_auto_delete_exchange_waits_for_its_first_binding() {
    let client = Client::connect().await;
    let exchange = crate::client::unique("exchange");
    let auto_delete = ExchangeDeclareOptions { auto_delete: true, ..Default::default() };
    client.declare_exchange(&exchange, "fanout", auto_delete, table([])).await.unwrap();
    let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
    client.declare_exchange(&exchange, "fanout", passive, table([])).await.unwrap();
    let queue = client.bound_queue(&exchange, "").await;
    delete(&client, &queue, QueueDeleteOptions::default()).await.unwrap();
    let looked = client.declare_exchange(&exchange, "fanout", passive, table([])).await;
    let expected = format!("NOT_FOUND - no exchange '{exchange}' in vhost '/'");
    check_refused(looked, 404, &expected);
}

#[tokio::test]
async fn system_exchanges_stay() {
    let client = Client::connect().await;
    for (exchange, expected) in [
        (
            "amq.direct",
            "ACCESS_REFUSED - deletion of system exchange 'amq.direct' in vhost '/' not allowed",
        ),
        ("", "ACCESS_REFUSED - operation not permitted on the default exchange"),
    ] {
        let session = client.session().await;
        let deleted = session.channel.exchange_delete(exchange.into(), Default::default()).await;
        check_refused(deleted, 403, expected);
    }
}

#[tokio::test]
async fn what_is_missing_can_be_unbound() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    for (queue, exchange) in
        [(queue.as_str(), "amq.direct"), (queue.as_str(), "no such"), ("no such", "amq.direct")]
    {
        let unbound = client
            .channel
            .queue_unbind(queue.into(), exchange.into(), unique("key").into(), table([]))
            .await;
        assert!(unbound.is_ok(), "{queue} from {exchange}");
    }
}
