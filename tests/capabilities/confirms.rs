//! Publisher confirms and returned messages.

use lapin::{
    BasicProperties, Confirmation, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};

use crate::client::{Client, Session, body, check_refused, int, text, unique, with_headers};

async fn publish(
    session: &Session,
    exchange: &str,
    routing_key: &str,
    mandatory: bool,
) -> PublisherConfirm {
    let options = BasicPublishOptions { mandatory, immediate: false };
    let (exchange, key) = (exchange.into(), routing_key.into());
    let properties = with_headers([("kept", int(1))]).with_delivery_mode(2);
    session.channel.basic_publish(exchange, key, options, b"body", properties).await.unwrap()
}

#[tokio::test]
async fn every_message_is_acked_wherever_it_goes() {
    let client = Client::connect().await;
    client.confirm_select().await;
    client.confirm_select().await; // a second time is as good as once
    let classic = client.queue([]).await;
    let quorum = client.queue([("x-queue-type", text("quorum"))]).await;
    let nobody = unique("nobody");
    let mut confirms = Vec::new();
    for key in [&classic, &quorum, &nobody].into_iter().cycle().take(300) {
        confirms.push(publish(&client, "", key, false).await);
    }
    for confirm in confirms {
        assert_eq!(confirm.await.unwrap(), Confirmation::Ack(None));
    }
    assert_eq!((client.ready(&classic).await, client.ready(&quorum).await), (100, 100));
}

#[tokio::test]
async fn a_message_is_returned_before_it_is_acked() {
    let client = Client::connect().await;
    client.confirm_select().await;
    let queue = client.queue([]).await;
    let nobody = unique("nobody");
    // One at a time: of several that one ack confirms, lapin gives the return to any.
    let confirmed = publish(&client, "amq.direct", &nobody, true).await.await.unwrap();
    assert!(confirmed.is_ack(), "a return is no nack");
    let returned = confirmed.take_message().expect("it came before the ack");
    assert_eq!((returned.reply_code, returned.reply_text.as_str()), (312, "NO_ROUTE"));
    assert_eq!(returned.delivery.exchange.as_str(), "amq.direct");
    assert_eq!(returned.delivery.routing_key.as_str(), nobody);
    assert_eq!(body(&returned.delivery), "body");
    let properties = with_headers([("kept", int(1))]).with_delivery_mode(2);
    assert_eq!(returned.delivery.properties, properties);
    let routable = publish(&client, "", &queue, true).await;
    assert_eq!(routable.await.unwrap(), Confirmation::Ack(None));
}

#[tokio::test]
async fn a_queue_that_is_full_or_unread_is_still_a_route() {
    let client = Client::connect().await;
    client.confirm_select().await;
    let full = client.queue([("x-max-length", int(0))]).await;
    let refusing =
        client.queue([("x-max-length", int(0)), ("x-overflow", text("reject-publish"))]).await;
    let dropped = publish(&client, "", &full, true).await.await.unwrap();
    assert_eq!(dropped, Confirmation::Ack(None));
    let refused = publish(&client, "", &refusing, true).await.await.unwrap();
    assert_eq!(refused, Confirmation::Nack(None));
}

#[tokio::test]
async fn returns_come_without_confirms_too() {
    let client = Client::connect().await;
    let confirm = publish(&client, "amq.fanout", &unique("nobody"), true).await;
    drop(confirm);
    client.barrier().await.unwrap();
    let returned = client.channel.wait_for_confirms().await.unwrap();
    assert_eq!(returned.len(), 1);
    assert_eq!(returned[0].reply_code, 312);
}

#[tokio::test]
async fn a_channel_that_fails_drops_its_confirms() {
    let client = Client::connect().await;
    client.confirm_select().await;
    let missing = unique("missing");
    let confirm = publish(&client, &missing, "", false).await;
    let expected = format!("NOT_FOUND - no exchange '{missing}' in vhost '/'");
    check_refused(confirm.await, 404, &expected);
}

#[tokio::test]
async fn confirms_and_transactions_exclude_each_other() {
    let client = Client::connect().await;
    let confirming = client.session().await;
    confirming.confirm_select().await;
    let expected = "PRECONDITION_FAILED - cannot switch from confirm to tx mode";
    check_refused(confirming.channel.tx_select().await, 406, expected);
    let transactional = client.session().await;
    transactional.channel.tx_select().await.unwrap();
    let selected = transactional.channel.confirm_select(ConfirmSelectOptions::default()).await;
    let expected = "PRECONDITION_FAILED - cannot switch from tx to confirm mode";
    check_refused(selected, 406, expected);
}

#[tokio::test]
async fn a_user_id_must_be_the_users_own() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let own = BasicProperties::default().with_user_id("guest".into());
    client.publish("", &queue, "own", own).await;
    assert_eq!(client.drain(&queue, 1).await, ["own"]);
    let other = BasicProperties::default().with_user_id("bob".into());
    let refused = client.try_publish("", &queue, "", other).await;
    let expected =
        "PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user was 'guest'";
    check_refused(refused, 406, expected);
}

#[tokio::test]
async fn properties_and_bodies_arrive_as_they_were() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let properties = with_headers([("a", int(-1)), ("b", text("zwei")), ("A", text(""))])
        .with_content_type("text/plain".into())
        .with_content_encoding("utf-8".into())
        .with_delivery_mode(2)
        .with_priority(9)
        .with_correlation_id("c".into())
        .with_reply_to("r".into())
        .with_expiration("60000".into())
        .with_message_id("m".into())
        .with_timestamp(1_700_000_000)
        .with_type("t".into())
        .with_app_id("app".into())
        .with_cluster_id("cluster".into());
    let frame = usize::try_from(client.connection.configuration().frame_max()).unwrap();
    for size in [0, 1, frame - 9, frame - 8, frame - 7, 3 * frame, 5 << 20] {
        let body: String = ('a'..='z').cycle().take(size).collect();
        client.publish("", &queue, &body, properties.clone()).await;
        let message = client.expect(&queue).await;
        assert!(message.data == body.as_bytes(), "a body of {size} octets");
        assert_eq!(message.properties, properties);
        client.ack(message.delivery_tag).await;
    }
}
