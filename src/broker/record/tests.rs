//! The bytes as they are on disks out there, every value through and back, and bytes that nobody wrote.

use amqp::{FieldTable, FieldValue, ShortString};
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    Destination, ExchangeKind, ExchangeSpec, Permission, QueueKind, Timestamp, TopicPermission,
    User, UserTags, VhostName,
    limits::Limits,
    message::{Arrival, Body, Origin, Sequence},
    policy::{ApplyTo, Policy, PolicyKind},
    queue::DeathReason,
    user::{HashAlgorithm, PasswordHash},
    vhost::{VhostDefinition, VhostSettings},
};

fn plain() -> Arrival<'static> {
    Arrival {
        sequence: Sequence(1),
        exchange: "",
        routing_key: b"q",
        properties: &[0, 0],
        body: Body::Inline(b"hello"),
        blind_keys: b"",
        persistent: false,
        priority: None,
        expiration_ms: None,
        origin: Origin::Client,
        logged: false,
    }
}

fn rich() -> Arrival<'static> {
    Arrival {
        exchange: "orders",
        routing_key: b"eu",
        blind_keys: b"\x01a",
        persistent: true,
        priority: Some(9),
        expiration_ms: Some(60_000),
        origin: Origin::DeadLetter { rekeyed: true },
        ..plain()
    }
}

fn written(arrival: &Arrival<'_>, arrived_at: Timestamp, due: Option<Timestamp>) -> Vec<u8> {
    let draft = MessageDraft::new(arrival, arrived_at, due);
    let mut out = vec![0xAA; draft.bytes()];
    draft.write(&mut out);
    out
}

#[test]
fn a_message_lies_as_it_is_drawn() {
    let bytes =
        b"\x01\x00\x00\x00\x01\x02\0\0\0\x05\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11q\0\0hello";
    assert_eq!(written(&plain(), AT, None), bytes);
    let bytes = b"\x01\x7F\x09\x06\x02\x02\0\0\0\x05\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11\
        \x60\xEA\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\x02\0\0\0orderseu\0\0\x01ahello";
    assert_eq!(written(&rich(), AT, Some(Timestamp(7))), bytes);
}

const AT: Timestamp = Timestamp(0x1122_3344_5566_7788);

#[test]
fn a_note_lies_as_it_is_drawn() {
    let written = |note: Note| note.write(&mut [0xAA; NOTE_BYTES_MAX]).to_vec();
    assert_eq!(written(Note::Redelivered), [1, 0]);
    let returned = Note::Returned { acquired: 3, failed: 2, order: 258, after: Sequence(5) };
    assert_eq!(
        written(returned),
        b"\x01\x01\x03\0\0\0\x02\0\0\0\x02\x01\0\0\0\0\0\0\x05\0\0\0\0\0\0\0"
    );
    let held = Note::Held { reason: DeathReason::DeliveryLimit, died_at: Timestamp(4), order: 6 };
    assert_eq!(written(held), b"\x01\x02\x03\x04\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0");
}

fn arguments() -> FieldTable {
    [(ShortString::from_static("x-a"), FieldValue::from(true))].into_iter().collect()
}

/// One of each kind of version 1, and the bytes that it is in the log.
fn first_definitions() -> Vec<(Definition, &'static [u8])> {
    let spec = ExchangeSpec {
        name: "shop".into(),
        kind: ExchangeKind::ConsistentHash,
        durable: true,
        auto_delete: false,
        internal: true,
        arguments: arguments(),
    };
    let tags = UserTags::new(["administrator".to_owned()]);
    let hash = PasswordHash::sha256(b"test12", [0x90, 0x8D, 0xC6, 0x0A]);
    let user = User { name: "bob".into(), tags, loopback_only: true, password: Some(hash) };
    let nobody =
        User { name: "no".into(), tags: UserTags::default(), loopback_only: false, password: None };
    let permission = PermissionDefinition {
        user: "bob".into(),
        vhost: "/".into(),
        permission: Permission::new("", ".*", "^a").unwrap(),
    };
    let queue = DurableQueue {
        vhost: "/".into(),
        name: "orders".into(),
        auto_delete: true,
        arguments: arguments(),
    };
    let binding = BindingDefinition {
        vhost: "/".into(),
        source: "shop".into(),
        destination: Destination::Queue("orders".into()),
        key: Box::from(*b"eu.\xFF"),
        arguments: FieldTable::new(),
    };
    let to_exchange =
        BindingDefinition { destination: Destination::Exchange("x".into()), ..binding.clone() };
    vec![
        (Definition::Vhost(VhostName::from("/").into()), b"\x01\x00\x01/"),
        (
            Definition::User(user),
            b"\x01\x01\x03bob\x01\x0Dadministrator\x01\x01\x24\x90\x8D\xC6\x0A\xA5\xB9\x24\xB3\x09\
                \x6B\x88\x97\xD6\x5A\x3B\x5F\x80\xFA\x5D\xB6\x2A\x94\xB8\x31\x22\xCD\xF4\xF8\xFE\
                \xAD\x10\xD5\x15\xD8\xF3\x91",
        ),
        (Definition::User(nobody), b"\x01\x01\x02no\x00\x00\x00"),
        (Definition::Permission(permission), b"\x01\x02\x03bob\x01/\x00\x02.*\x02^a"),
        (
            Definition::Exchange { vhost: "/".into(), spec },
            b"\x01\x03\x01/\x04shop\x11x-consistent-hash\x00\x01\x06\x03x-at\x01",
        ),
        (Definition::Queue(queue), b"\x01\x04\x01/\x06orders\x01\x06\x03x-at\x01"),
        (Definition::Binding(binding), b"\x01\x05\x01/\x04shop\x01\x06orders\x04eu.\xFF\x00"),
        (Definition::Binding(to_exchange), b"\x01\x05\x01/\x04shop\x00\x01x\x04eu.\xFF\x00"),
        (Definition::Interrupted { before: Sequence(300) }, b"\x01\x06\xFB\x2C\x01"),
    ]
}

/// One of each kind of version 2, and the bytes that it is in the log.
fn later_definitions() -> Vec<(Definition, &'static [u8])> {
    let vhost = VhostDefinition {
        name: "v".into(),
        settings: VhostSettings {
            description: "of the shop".to_owned(),
            tags: vec!["a".to_owned(), "b".to_owned()],
            default_queue_type: Some(QueueKind::Quorum),
            is_protected: true,
            is_tracing: false,
        },
    };
    let user = |algorithm, hash: &[u8]| User {
        name: "bob".into(),
        tags: UserTags::new(["monitoring".to_owned()]),
        loopback_only: false,
        password: PasswordHash::from_bytes(algorithm, hash),
    };
    let sha512 = user(HashAlgorithm::Sha512, &[7; 68]);
    let argon2id = [&b"\x00\x4C\0\0\x02\0\0\0\x01\0\0\0"[..], &[b's'; 16], &[b'h'; 32]].concat();
    let argon2id = user(HashAlgorithm::Argon2id, &argon2id);
    assert!(sha512.password.is_some() && argon2id.password.is_some());
    let topics = TopicPermissionDefinition {
        user: "bob".into(),
        vhost: "v".into(),
        exchange: "t".into(),
        permission: TopicPermission::new("^{username}", "", &"bob".into(), &"v".into()).unwrap(),
    };
    let limits = Limits { max_connections: Some(-1), max_queues: Some(300), max_channels: None };
    let of_vhost = LimitsDefinition { owner: "v".into(), limits };
    let limits = Limits { max_connections: None, max_queues: None, max_channels: Some(2) };
    let of_user = LimitsDefinition { owner: "bob".into(), limits };
    vec![
        (
            Definition::Vhost(vhost),
            b"\x02\x07\x01v\x0Bof the shop\x02\x01a\x01b\x01\x06quorum\x01\x00",
        ),
        (
            Definition::User(sha512),
            b"\x02\x08\x03bob\x01\x0Amonitoring\x00\x01\x44\
                \x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\
                \x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\
                \x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\
                \x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07",
        ),
        (
            Definition::User(argon2id),
            b"\x02\x08\x03bob\x01\x0Amonitoring\x00\x02\x3C\x00\x4C\0\0\x02\0\0\0\x01\0\0\0\
                sssssssssssssssshhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh",
        ),
        (Definition::TopicPermission(topics), b"\x02\x09\x03bob\x01v\x01t\x0B^{username}\x00"),
        (Definition::VhostLimits(of_vhost), b"\x02\x0A\x01v\x01\x01\x01\xFB\x58\x02"),
        (Definition::UserLimits(of_user), b"\x02\x0B\x03bob\x00\x01\x04"),
    ]
}

/// One of each kind of version 3, and the bytes that it is in the log.
fn third_definitions() -> Vec<(Definition, &'static [u8])> {
    let policy = |kind, name: &str, apply_to, priority| {
        let length = (ShortString::from_static("max-length"), FieldValue::I64(5));
        let definition = [length].into_iter().collect();
        let policy = Policy::new(kind, (name.into(), "^a"), apply_to, priority, definition);
        Definition::Policy(PolicyDefinition { vhost: "v".into(), kind, policy: policy.unwrap() })
    };
    let parameter = GlobalParameterDefinition { name: "g".into(), value: "{\"a\":1}".into() };
    vec![
        (
            policy(PolicyKind::User, "p", ApplyTo::All, -3),
            b"\x03\x0C\x01v\x01p\x00\x02^a\x03all\x05\x14\x0Amax-lengthl\0\0\0\0\0\0\0\x05",
        ),
        (
            policy(PolicyKind::Operator, "op", ApplyTo::QuorumQueues, 300),
            b"\x03\x0C\x01v\x02op\x01\x02^a\x0Dquorum_queues\xFB\x58\x02\
                \x14\x0Amax-lengthl\0\0\0\0\0\0\0\x05",
        ),
        (Definition::GlobalParameter(parameter), b"\x03\x0D\x01g\x07{\"a\":1}"),
        (Definition::ClusterName("shop@here".into()), b"\x03\x0E\x09shop@here"),
    ]
}

fn definitions() -> Vec<(Definition, &'static [u8])> {
    [first_definitions(), later_definitions(), third_definitions()].concat()
}

/// An older program must not take a later kind for something else, nor this one a kind that its version did not have.
#[test]
fn each_kind_is_of_its_version() {
    let all = [(first_definitions(), 1), (later_definitions(), 2), (third_definitions(), 3)];
    for (definitions, version) in all {
        for (_, bytes) in definitions {
            let mut bytes = bytes.to_vec();
            assert_eq!(bytes[0], version);
            bytes[0] = version % 3 + 1;
            let refused = Definition::decode(&bytes).unwrap_err().to_string();
            assert!(refused.contains("its kind is one of another version"), "{refused}");
        }
    }
    assert_eq!(
        Definition::decode(b"\x04\x00\x01/").unwrap_err().to_string(),
        "a definition of format version 4, but this program knows none above 3"
    );
}

#[test]
fn definitions_lie_as_they_did_and_are_read_again() {
    for (definition, bytes) in definitions() {
        assert_eq!(definition.encode(), bytes, "{definition:?}");
        let read = Definition::decode(bytes).unwrap();
        // The hash of a password does not show.
        assert_eq!(format!("{read:?}"), format!("{definition:?}"));
        assert_eq!(read.encode(), bytes);
    }
}

#[test]
fn a_queue_is_what_it_was_declared_as() {
    let arguments: FieldTable = [
        (ShortString::from_static("x-queue-type"), FieldValue::from("quorum")),
        (ShortString::from_static("x-message-ttl"), FieldValue::from(5)),
    ]
    .into_iter()
    .collect();
    let queue = DurableQueue {
        vhost: "/".into(),
        name: "q".into(),
        auto_delete: false,
        arguments: arguments.clone(),
    };
    let Ok(Definition::Queue(read)) =
        Definition::decode(&Definition::Queue(queue.clone()).encode())
    else {
        panic!("it is a queue")
    };
    assert_eq!(read, queue);
    let defined = read.define().unwrap();
    assert_eq!(defined.arguments, arguments);
    assert_eq!(
        (defined.settings.kind, defined.settings.message_ttl_ms, defined.settings.durable),
        (QueueKind::Quorum, Some(5), true)
    );
}

#[test]
fn what_is_of_another_version_is_not_guessed_at() {
    let mut message = written(&rich(), AT, None);
    message[0] = 2;
    assert_eq!(
        MessageRecord::read(&message).unwrap_err().to_string(),
        "a message of format version 2, but this program knows none above 1"
    );
    assert!(matches!(Note::read(&[9, 0]), Err(RecordError::Version { found: 9, .. })));
    assert!(matches!(
        Definition::decode(b"\x00\x00\x01/"),
        Err(RecordError::Version { found: 0, .. })
    ));
    assert_eq!(
        Definition::decode(b"").unwrap_err().to_string(),
        "a definition is malformed: it is empty"
    );
}

/// Whatever is cut, or goes on where it should end, is refused.
#[test]
fn every_length_counts() {
    let message = written(&rich(), AT, Some(Timestamp(7)));
    let note = Note::Held { reason: DeathReason::Expired, died_at: AT, order: 1 };
    let note = note.write(&mut [0; NOTE_BYTES_MAX]).to_vec();
    let longer = |bytes: &[u8]| [bytes, b"\0"].concat();
    assert!((0..message.len()).all(|len| MessageRecord::read(&message[..len]).is_err()));
    assert!(MessageRecord::read(&longer(&message)).is_err());
    assert!((0..note.len()).all(|len| Note::read(&note[..len]).is_err()));
    assert!(Note::read(&longer(&note)).is_err());
    for (_, bytes) in definitions() {
        assert!((0..bytes.len()).all(|len| Definition::decode(&bytes[..len]).is_err()));
        assert!(Definition::decode(&longer(bytes)).is_err());
    }
}

fn notes() -> impl Strategy<Value = Note> {
    let reason = prop_oneof![
        Just(DeathReason::Expired),
        Just(DeathReason::Rejected),
        Just(DeathReason::MaxLen),
        Just(DeathReason::DeliveryLimit),
    ];
    prop_oneof![
        Just(Note::Redelivered),
        any::<(u32, u32, u64, u64)>().prop_map(|(acquired, failed, order, after)| {
            Note::Returned { acquired, failed, order, after: Sequence(after) }
        }),
        (reason, any::<(u64, u64)>()).prop_map(|(reason, (died_at, order))| {
            Note::Held { reason, died_at: Timestamp(died_at), order }
        }),
    ]
}

/// Reads bytes as everything that they could be; what counts is that it comes back.
fn read_as_anything(bytes: &[u8]) {
    let message = MessageRecord::read(bytes).map(|record| record.to_message());
    let note = Note::read(bytes);
    let definition = Definition::decode(bytes);
    assert!(message.is_err() || definition.is_err() || note.is_err() || bytes.len() > 30);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_comes_back_as_it_was(
        (exchange, routing_key) in ("[a-zß]{0,60}", vec(any::<u8>(), 0..256)),
        (properties, body) in (vec(any::<u8>(), 0..600), vec(any::<u8>(), 0..600)),
        blind_keys in vec(any::<u8>(), 0..40),
        (persistent, priority) in any::<(bool, Option<u8>)>(),
        (expiration_ms, arrived_at, due) in any::<(Option<u64>, u64, Option<u64>)>(),
        origin in prop_oneof![
            Just(Origin::Client),
            any::<bool>().prop_map(|rekeyed| Origin::DeadLetter { rekeyed }),
        ],
    ) {
        let arrival = Arrival {
            sequence: Sequence(5),
            exchange: &exchange,
            routing_key: &routing_key,
            properties: &properties,
            body: Body::Inline(&body),
            blind_keys: &blind_keys,
            persistent,
            priority,
            expiration_ms,
            origin,
            logged: true,
        };
        let (arrived_at, due) = (Timestamp(arrived_at), due.map(Timestamp));
        let bytes = written(&arrival, arrived_at, due);
        let record = MessageRecord::read(&bytes).unwrap();
        prop_assert_eq!((record.arrived_at, record.due), (arrived_at, due));
        prop_assert_eq!(
            format!("{:?}", record.arrival(Sequence(5))),
            format!("{arrival:?}")
        );
    }

    #[test]
    fn a_note_comes_back_as_it_was(note in notes()) {
        prop_assert_eq!(Note::read(note.write(&mut [0xAA; NOTE_BYTES_MAX])), Ok(note));
    }

    #[test]
    fn bytes_that_nobody_wrote_are_refused_or_read_but_never_a_panic(
        mut bytes in vec(any::<u8>(), 0..200),
    ) {
        read_as_anything(&bytes);
        if let Some(version) = bytes.first_mut() {
            *version = VERSION;
        }
        read_as_anything(&bytes);
    }

    #[test]
    fn nor_are_bytes_that_changed(
        which in 0..definitions().len() + 2,
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = match definitions().get(which) {
            Some((_, bytes)) => bytes.to_vec(),
            None => written(&rich(), AT, (which % 2 == 0).then_some(AT)),
        };
        for (index, byte) in changes {
            *index.get_mut(&mut bytes[1..]) = byte;
        }
        read_as_anything(&bytes);
    }
}
