//! Each number, against a load of which it is known.

use futures_util::StreamExt as _;

use super::*;

#[tokio::test]
async fn a_queue_counts_what_comes_and_goes() {
    let stage = Stage::new().await;
    let (connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    confirm_select(&channel).await;
    for body in ["one", "three"] {
        send(&channel, "q", body, true).await;
    }
    send(&channel, "q", "transient", false).await;
    channel.wait_for_confirms().await.unwrap();
    let queue = stage.queue("q");
    assert_eq!((queue.vhost.as_str(), queue.name.as_str()), ("/", "q"));
    assert!(queue.definition.settings.durable && queue.owner.is_none());
    let QueueMessages { total, ready, unacked, .. } = queue.messages;
    assert_eq!((total.value, ready.value, unacked.value), (3, 3, 0));
    assert_eq!((queue.messages.ready_bytes, queue.messages.unacked_bytes), (17, 0));
    assert_eq!((queue.messages.persistent, queue.messages.persistent_bytes), (2, 8));
    assert_eq!((queue.stats.publish.count, queue.stats.deliver_get.count), (3, 0));
    assert!(queue.memory_bytes > 4096 && queue.consumers == 0 && !queue.has_ready_consumer);

    let get = channel.basic_get("q".into(), BasicGetOptions::default()).await.unwrap().unwrap();
    let queue = stage.queue("q");
    assert_eq!((queue.messages.ready.value, queue.messages.unacked.value), (2, 1));
    assert_eq!((queue.messages.ready_bytes, queue.messages.unacked_bytes), (14, 3));
    get.acker
        .nack(lapin::options::BasicNackOptions { requeue: true, ..Default::default() })
        .await
        .unwrap();
    let no_ack = BasicGetOptions { no_ack: true };
    channel.basic_get("q".into(), no_ack).await.unwrap().unwrap();
    let queue = stage.queue("q");
    assert_eq!((queue.stats.get.count, queue.stats.get_no_ack.count), (1, 1));
    assert_eq!((queue.stats.redeliver.count, queue.stats.deliver_get.count), (1, 2));

    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume("q".into(), "c".into(), options, FieldTable::default());
    let mut consumer = consumer.await.unwrap();
    for _ in 0..2 {
        let delivery = consumer.next().await.unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
    }
    let acked = |queue: &QueueInfo| queue.stats.ack.count == 2;
    let queue = until("both are acked", || stage.queue("q"), acked).await;
    assert_eq!((queue.stats.deliver.count, queue.messages.total.value), (2, 0));
    assert_eq!((queue.messages.persistent, queue.messages.unacked_bytes), (0, 0));
    assert!(queue.consumers == 1 && queue.has_ready_consumer);
    assert!(channel.basic_get("q".into(), no_ack).await.unwrap().is_none());
    assert_eq!(stage.queue("q").stats.get_empty.count, 1);
    drop(connection);
    stage.end().await;
}

#[tokio::test]
async fn queues_are_listed_by_vhost_and_name() {
    let stage = Stage::new().await;
    let other = stage.authority("guest", "other");
    let arguments = amqp::FieldTable::new();
    for (authority, name) in [(&other, "c"), (&stage.guest(), "b"), (&stage.guest(), "a")] {
        let queue = NewQueue { name, durable: false, auto_delete: true, arguments: &arguments };
        stage.admin.declare_queue(authority, &queue).await.unwrap();
    }
    let names = |vhost: Option<&str>| {
        let queues = stage.admin.queues(vhost).into_iter();
        queues.map(|queue| format!("{} {}", queue.vhost, queue.name)).collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["/ a", "/ b", "other c"]);
    assert_eq!(names(Some("other")), ["other c"]);
    assert_eq!(names(Some("nowhere")), [""; 0]);
    assert!(stage.admin.queue("/", "c").is_none() && stage.admin.queue("nowhere", "a").is_none());
    stage.end().await;
}

#[tokio::test]
async fn what_nobody_uses_is_idle_and_the_head_tells_its_time() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    let properties = BasicProperties::default().with_timestamp(1_234);
    publish(&channel, "", "q", "x", properties).await;
    let came = |queue: &QueueInfo| queue.messages.ready.value == 1;
    let queue = until("it came", || stage.queue("q"), came).await;
    assert_eq!((queue.idle_since, queue.head_message_timestamp), (None, Some(1_234)));
    let idle = |queue: &QueueInfo| queue.idle_since.is_some();
    let queue = until("it is idle", || stage.queue("q"), idle).await;
    let idle_ms = stage.admin.now().ms_since(queue.idle_since.unwrap());
    assert!((1_000..30_000).contains(&idle_ms), "{idle_ms}");
    assert!(came(&stage.queue("q")), "to look is not to use");
    stage.end().await;
}

#[tokio::test]
async fn an_exclusive_queue_names_its_owner() {
    let stage = Stage::new().await;
    let (connection, channel) = stage.channel().await;
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("own".into(), exclusive, FieldTable::default()).await.unwrap();
    let name = stage.admin.connections()[0].name.clone();
    let queue = stage.queue("own");
    assert_eq!(queue.owner, Some(name));
    assert!(queue.definition.settings.exclusive);
    drop((connection, channel));
    stage.end().await;
}

#[tokio::test]
async fn a_connection_and_its_channels_tell_all_of_themselves() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    let [connection] = &stage.admin.connections()[..] else { panic!("there is one connection") };
    let to = stage.server.addresses()[0];
    assert_eq!(connection.name, format!("{} -> {to}", connection.peer));
    assert_eq!((connection.user.as_str(), connection.vhost.as_str()), ("guest", "/"));
    assert_eq!((connection.local, connection.auth_mechanism), (Some(to), "PLAIN"));
    assert_eq!((connection.channels, connection.state.as_str()), (1, "running"));
    assert_eq!((connection.frame_max, connection.channel_max), (131_072, 2047));
    let product = connection.client_properties.get("product").unwrap().as_long_string().unwrap();
    assert_eq!(product, b"lapin");
    assert!(stage.admin.now().ms_since(connection.connected_at) < 30_000);
    let (received, sent) = (connection.received_bytes.count, connection.sent_bytes.count);
    assert!(received > 100 && sent > 100 && connection.reads.count > 1, "{received} {sent}");
    assert_eq!(stage.admin.connection(&connection.name).unwrap().peer, connection.peer);
    assert!(stage.admin.connection("127.0.0.1:1 -> 127.0.0.1:2").is_none());

    declare(&channel, "q").await;
    send(&channel, "q", "unconfirmed by choice", false).await;
    confirm_select(&channel).await;
    send(&channel, "q", "confirmed", true).await;
    publish(&channel, "", "nowhere", "dropped", BasicProperties::default()).await;
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = BasicProperties::default();
    let returned =
        channel.basic_publish("".into(), "nowhere".into(), mandatory, b"back", properties).await;
    returned.unwrap().await.unwrap();
    channel.wait_for_confirms().await.unwrap();
    channel.basic_qos(7, BasicQosOptions::default()).await.unwrap();
    channel.basic_get("q".into(), BasicGetOptions::default()).await.unwrap().unwrap();
    let name = format!("{} (1)", connection.name);
    let confirmed = |channel: &ChannelInfo| channel.unconfirmed == 0;
    let seen = until("all is confirmed", || stage.admin.channel(&name).unwrap(), confirmed).await;
    assert_eq!((seen.connection.as_str(), seen.number.0), (connection.name.as_str(), 1));
    assert_eq!((seen.mode, seen.prefetch), (connection::ChannelMode::Confirm, 7));
    assert_eq!((seen.unacked, seen.unconfirmed, seen.consumers), (1, 0, 0));
    let stats = seen.stats;
    assert_eq!((stats.publish.count, stats.confirm.count, stats.get.count), (4, 3, 1));
    assert_eq!((stats.return_unroutable.count, stats.drop_unroutable.count), (1, 1));
    assert_eq!(stage.admin.channels().len(), 1);
    assert_eq!(stage.admin.channel_keys_of(&connection.name, |_| true).unwrap().len(), 1);
    let later = stage.admin.connection(&connection.name).unwrap();
    assert!(later.received_bytes.count > received && later.sent_bytes.count > sent);
    assert!(stage.admin.channel(&format!("{} (2)", connection.name)).is_none());
    stage.end().await;
}

#[tokio::test]
async fn a_transaction_shows_what_it_holds() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    for body in ["1", "2", "3"] {
        send(&channel, "q", body, false).await;
    }
    channel.tx_select().await.unwrap();
    let options = BasicAckOptions { multiple: true };
    for _ in 0..3 {
        channel.basic_get("q".into(), BasicGetOptions::default()).await.unwrap().unwrap();
    }
    channel.basic_ack(2, options).await.unwrap();
    send(&channel, "q", "held", false).await;
    let held = |channels: &Vec<ChannelInfo>| channels[0].uncommitted == 1;
    let channels = until("it is held", || stage.admin.channels(), held).await;
    assert_eq!((channels[0].acks_uncommitted, channels[0].unacked), (2, 1));
    assert_eq!(
        (channels[0].mode, channels[0].stats.ack.count),
        (connection::ChannelMode::Transaction, 0)
    );
    channel.tx_commit().await.unwrap();
    let seen = &stage.admin.channels()[0];
    assert_eq!((seen.uncommitted, seen.acks_uncommitted, seen.stats.ack.count), (0, 0, 2));
    assert_eq!((seen.stats.publish.count, stage.queue("q").stats.ack.count), (4, 2));
    stage.end().await;
}

#[tokio::test]
async fn exchanges_count_what_they_route_and_what_they_cannot() {
    let stage = Stage::new().await;
    let (_connection, channel) = stage.channel().await;
    for queue in ["one", "two"] {
        declare(&channel, queue).await;
        let (queue, exchange) = (queue.into(), "amq.topic".into());
        let options = lapin::options::QueueBindOptions::default();
        let arguments = FieldTable::default();
        channel.queue_bind(queue, exchange, "a.#".into(), options, arguments).await.unwrap();
    }
    confirm_select(&channel).await;
    for key in ["a.1", "a.2", "b"] {
        publish(&channel, "amq.topic", key, "x", BasicProperties::default()).await;
    }
    publish(&channel, "amq.headers", "", "x", BasicProperties::default()).await;
    send(&channel, "one", "x", false).await;
    channel.wait_for_confirms().await.unwrap();
    let counts = |name: &str| {
        let exchange = stage.admin.exchange("/", name).unwrap();
        [exchange.publish_in.count, exchange.publish_out.count, exchange.unroutable.count]
    };
    assert_eq!(counts("amq.topic"), [3, 4, 1]);
    assert_eq!(counts("amq.headers"), [1, 0, 1]);
    assert_eq!(counts(""), [1, 1, 0]);
    let names: Vec<_> =
        stage.admin.exchanges(Some("/")).into_iter().map(|it| it.spec.name).collect();
    let expected = [
        "",
        "amq.direct",
        "amq.fanout",
        "amq.headers",
        "amq.match",
        "amq.rabbitmq.event",
        "amq.rabbitmq.trace",
        "amq.topic",
    ];
    assert_eq!(names, expected);
    assert!(stage.admin.exchange("/", "none").is_none());
    stage.end().await;
}

#[tokio::test]
async fn the_overview_adds_up_also_what_is_gone() {
    let stage = Stage::new().await;
    let (connection, channel) = stage.channel().await;
    declare(&channel, "lives").await;
    declare(&channel, "goes").await;
    confirm_select(&channel).await;
    for queue in ["lives", "goes", "goes"] {
        send(&channel, queue, "12345", true).await;
    }
    channel.wait_for_confirms().await.unwrap();
    let no_ack = BasicGetOptions { no_ack: true };
    channel.basic_get("goes".into(), no_ack).await.unwrap().unwrap();
    let before = stage.admin.overview();
    let ObjectTotals { connections, channels, consumers, exchanges, queues } = before.objects;
    assert_eq!((connections, channels, consumers, exchanges, queues), (1, 1, 0, 15, 2));
    assert_eq!((before.queues.ready.value, before.queues.messages.value), (2, 2));
    assert_eq!((before.queues.bytes, before.queues.persistent), (10, 2));
    assert_eq!(before.listeners.len(), 1);
    assert_eq!(before.listeners[0].address, stage.server.addresses()[0]);
    stage.admin.delete_queue(&stage.guest(), "goes", false, false).await.unwrap();
    connection.close(200, "done".into()).await.unwrap();
    let gone = |overview: &Overview| overview.objects.connections == 0;
    let after = until("it is gone", || stage.admin.overview(), gone).await;
    assert_eq!((after.objects.queues, after.objects.channels, after.queues.ready.value), (1, 0, 1));
    let stats = after.messages;
    assert_eq!((stats.publish.count, stats.confirm.count), (3, 3));
    assert_eq!((stats.get_no_ack.count, stats.deliver_get.count), (1, 1));
    assert_eq!((after.classic.publish, after.quorum.publish), (3, 0));
    let churn = after.churn;
    assert_eq!((churn.queues_created.count, churn.queues_deleted.count), (2, 1));
    assert_eq!((churn.connections_created.count, churn.connections_closed.count), (1, 1));
    assert_eq!((churn.channels_created.count, churn.channels_closed.count), (1, 1));
    let one = LoginCounts { accepted: 1, refused: 0 };
    assert_eq!(stage.admin.login_attempts()[0], (LoginProtocol::Amqp, one));
    assert_eq!(churn.queues_declared.count, 2);
    stage.end().await;
}

#[tokio::test]
async fn the_node_tells_what_it_uses() {
    let stage = Stage::new().await;
    let disk_seen = |node: &NodeInfo| node.disk.as_ref().is_some_and(|disk| disk.free > 0);
    let node = until("the disk is looked at", || stage.admin.node(), disk_seen).await;
    assert!(node.name.starts_with("pillarbox@") && node.name.len() > "pillarbox@".len());
    assert_eq!(node.pid, std::process::id());
    assert!(node.processors > 0 && node.files.0 > 3 && node.files.0 < node.files.1);
    assert!(node.memory.used > 1 << 20 && node.memory.limit == stage.server.memory_limit());
    assert!(!node.memory.is_alarmed && !node.disk.unwrap().is_alarmed);
    let log = node.log.unwrap();
    let (_connection, channel) = stage.channel().await;
    declare(&channel, "q").await;
    let later = stage.admin.node().log.unwrap();
    assert!(later.batches > log.batches && later.written_bytes > log.written_bytes);
    assert!(later.bytes > 0 && later.flushes > log.flushes);
    let later = |node: &NodeInfo| node.uptime_ms > 0;
    until("time passes", || stage.admin.node(), later).await;
    stage.end().await;
}

#[tokio::test]
async fn alarms_show_at_the_node_and_at_connections() {
    let low = |options: &mut Options| {
        if let Some(store) = &mut options.store {
            store.disk_free_min = u64::MAX;
        }
    };
    let stage = Stage::with(low).await;
    let alarmed = |node: &NodeInfo| node.disk.as_ref().is_some_and(|disk| disk.is_alarmed);
    until("the disk is low", || stage.admin.node(), alarmed).await;
    let (_connection, channel) = stage.channel().await;
    assert_eq!(stage.admin.connections()[0].state, ConnectionState::Blocking);
    send(&channel, "q", "x", false).await;
    let blocked =
        |connections: &Vec<ConnectionInfo>| connections[0].state == ConnectionState::Blocked;
    until("it is blocked", || stage.admin.connections(), blocked).await;
    let (guest, properties) = (stage.guest(), Properties::default());
    let refused = stage.admin.publish(&guest, ("", "q"), &properties, "x".into());
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.to_string(), "publishers are blocked: low on disk");
    stage.end().await;
}
