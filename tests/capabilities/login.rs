//! Who may log in, and how.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use amqp::{FieldValueRef, Method, decode_frame};

use crate::client::{Client, PATIENCE, broker_with, check_refused, shared_broker};

#[tokio::test]
async fn a_wrong_password_or_name_is_refused_in_the_same_words() {
    let broker = shared_broker();
    for (mechanism, login) in
        [("PLAIN", "guest:wrong"), ("PLAIN", "nobody:guest"), ("AMQPLAIN", "guest:wrong")]
    {
        let uri = format!(
            "amqp://{login}@{}/%2f?auth_mechanism={}",
            broker.addr(),
            mechanism.to_lowercase()
        );
        let expected = format!(
            "ACCESS_REFUSED - Login was refused using authentication mechanism {mechanism}. For details see the broker logfile."
        );
        check_refused(Client::login(&broker, &uri).await, 403, &expected);
    }
}

/// Neither a right password nor a wrong one, however much is logged.
#[tokio::test]
async fn no_password_gets_into_the_log() {
    let settings = "[log]\nlevel = \"trace\"\n[[users]]\nname = \"guest\"\npassword = \"planted-right\"\n\
                    [[users.permissions]]\nvhost = \"/\"\nread = \".*\"";
    let Some(broker) = broker_with(settings) else { return };
    for (mechanism, user) in
        [("plain", "guest"), ("plain", "nobody"), ("amqplain", "guest"), ("amqplain", "nobody")]
    {
        for password in ["planted-right", "planted-wrong"] {
            let addr = broker.addr();
            let uri = format!("amqp://{user}:{password}@{addr}/%2f?auth_mechanism={mechanism}");
            let is_right = user == "guest" && password == "planted-right";
            assert_eq!(Client::login(&broker, &uri).await.is_ok(), is_right, "{uri}");
        }
    }
    let log = broker.log_text();
    assert!(log.contains("the password is wrong") && log.contains("there is no such user"));
    assert!(!log.contains("planted"), "{log}");
}

#[tokio::test]
async fn amqplain_is_as_good_as_plain() {
    let broker = shared_broker();
    let uri = format!("{}?auth_mechanism=amqplain", broker.uri());
    Client::login(&broker, &uri).await.expect("guest may log in").close().await;
}

#[tokio::test]
async fn a_secret_may_be_updated() {
    let client = Client::connect().await;
    let updated = client.connection.update_secret("new".into(), "it was time".into()).await;
    updated.expect("the broker says yes");
}

#[tokio::test]
async fn a_handshake_does_not_take_for_ever() {
    let Some(broker) = broker_with("[limits]\nhandshake_secs = 3") else { return };
    let addr = broker.addr();
    let start = Instant::now();
    let silent = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.read(&mut [0; 8])
    });
    let end = silent.await.unwrap();
    assert!(matches!(end, Ok(0)) || end.is_err(), "{end:?}");
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
    let client = Client::connect_to(&broker).await;
    tokio::time::sleep(Duration::from_millis(3200)).await;
    client.barrier().await.expect("an open connection has no such limit");
}

#[tokio::test]
async fn the_broker_introduces_itself() {
    let settings = "[server]\ncluster_name = \"test cluster\"\n[compat]\nversion = \"4.0.1\"";
    let Some(broker) = broker_with(settings) else { return };
    let start = greeting(broker.addr());
    let (frame, _) = decode_frame(&start, 131_072).unwrap().expect("a whole frame");
    let Ok(Method::ConnectionStart(start)) = Method::decode(frame.payload) else {
        panic!("this is no connection.start: {frame:?}");
    };
    let properties = start.server_properties;
    let text = |key: &str| properties.get(key).and_then(FieldValueRef::as_long_string);
    assert_eq!(text("product"), Some(b"RabbitMQ".as_slice()));
    assert_eq!(text("version"), Some(b"4.0.1".as_slice()));
    assert_eq!(text("cluster_name"), Some(b"test cluster".as_slice()));
    let Some(FieldValueRef::Table(capabilities)) = properties.get("capabilities") else {
        panic!("there are no capabilities");
    };
    for capability in [
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ] {
        let announced = capabilities.get(capability).and_then(FieldValueRef::as_bool);
        assert_eq!(announced, Some(true), "{capability}");
    }
    assert!(start.mechanisms.starts_with(b"PLAIN AMQPLAIN"));
    assert_eq!(start.locales, b"en_US");
}

/// What the broker says first.
fn greeting(addr: SocketAddr) -> Vec<u8> {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"AMQP\x00\x00\x09\x01").unwrap();
    let mut bytes = vec![0; 7];
    stream.read_exact(&mut bytes).unwrap();
    let size = u32::from_be_bytes([bytes[3], bytes[4], bytes[5], bytes[6]]);
    bytes.resize(7 + usize::try_from(size).unwrap() + 1, 0);
    stream.read_exact(&mut bytes[7..]).unwrap();
    bytes
}
