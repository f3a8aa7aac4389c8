//! The limits that the settings name, and switches for what is refused.

use lapin::{BasicProperties, options::QueueDeclareOptions};

use crate::client::{
    Client, DURABLE, broker_with, check_refused, refusal, shared_broker, table, text, unique,
};

#[tokio::test]
async fn a_message_may_not_be_too_large() {
    let Some(broker) = broker_with("[limits]\nmessage_bytes_max = 1000") else { return };
    let client = Client::connect_to(&broker).await;
    let queue = client.queue([]).await;
    let largest = "x".repeat(1000);
    client.send(&queue, &largest).await;
    assert_eq!(client.drain(&queue, 1).await, [largest.as_str()]);
    let too_large = "x".repeat(1001);
    let refused = client.try_publish("", &queue, &too_large, BasicProperties::default()).await;
    let expected =
        "PRECONDITION_FAILED - message size 1001 is larger than configured max size 1000";
    check_refused(refused, 406, expected);
    assert_eq!(client.session().await.ready(&queue).await, 0);
}

#[tokio::test]
async fn frames_are_as_large_as_both_sides_agree() {
    let broker = shared_broker();
    for frame_max in [4096, 8192, 131_072] {
        let uri = format!("{}?frame_max={frame_max}", broker.uri());
        let client = Client::login(&broker, &uri).await.unwrap();
        assert_eq!(client.connection.configuration().frame_max(), frame_max);
        let queue = client.queue([]).await;
        let body = "0123456789".repeat(50_000);
        client.publish("", &queue, &body, BasicProperties::default()).await;
        assert!(client.drain(&queue, 1).await == [body]);
    }
    let Some(small) = broker_with("[limits]\nframe_max = 8192\nheartbeat_secs = 7") else {
        return;
    };
    let client = Client::connect_to(&small).await;
    let configuration = client.connection.configuration();
    assert_eq!((configuration.frame_max(), configuration.heartbeat()), (8192, 7));
}

#[tokio::test]
async fn transient_queues_may_be_denied() {
    let transient = QueueDeclareOptions::default();
    let exclusive = QueueDeclareOptions { exclusive: true, ..transient };
    let client = Client::connect().await;
    client
        .declare(&unique("transient"), transient, table([]))
        .await
        .expect("by default they are fine");
    let Some(broker) = broker_with("[compat]\ndeny_transient_queues = true") else { return };
    let client = Client::connect_to(&broker).await;
    client.declare("own", exclusive, table([])).await.unwrap();
    client.declare("durable", DURABLE, table([])).await.unwrap();
    let declared = client.declare("transient", transient, table([])).await;
    assert!(refusal(&declared.unwrap_err()).starts_with("541 INTERNAL_ERROR"));
}

#[tokio::test]
async fn the_type_of_queues_without_one_is_a_setting() {
    let settings = "[compat]\ndefault_queue_type = \"quorum\"\nrelaxed_quorum_redeclare = true";
    let Some(broker) = broker_with(settings) else { return };
    let client = Client::connect_to(&broker).await;
    client.declare("plain", DURABLE, table([])).await.unwrap();
    client.declare("plain", DURABLE, table([("x-queue-type", text("quorum"))])).await.unwrap();
    let relaxed =
        client.declare("plain", DURABLE, table([("x-queue-type", text("classic"))])).await;
    relaxed.expect("the setting allows it");
}

#[tokio::test]
async fn a_master_locator_may_be_denied() {
    let settings = "[compat]\ndeny_queue_master_locator = true";
    let Some(broker) = broker_with(settings) else { return };
    let client = Client::connect_to(&broker).await;
    let arguments = table([("x-queue-master-locator", text("min-masters"))]);
    assert!(client.declare("q", DURABLE, arguments).await.is_err());
}

#[tokio::test]
async fn long_names_have_255_octets() {
    let client = Client::connect().await;
    let name = format!("{:x<255}", unique("long"));
    client.declare(&name, DURABLE, table([])).await.unwrap();
    client.send(&name, "found").await;
    assert_eq!(client.drain(&name, 1).await, ["found"]);
}
