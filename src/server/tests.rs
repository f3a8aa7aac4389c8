use amqp::RawTable;
use broker::user::{User, UserTags};
use connection::{Broker as _, Login, LoginError, Proof};

use super::*;
use crate::client::Client;
use crate::node::ConnectionEntry;
use crate::outbox::{ClientOutbox, OutboxBuffer};
use crate::stage;
use crate::tls::TlsPeer;
use crate::vital::Vital;

#[tokio::test]
async fn a_start_that_cannot_listen_leaves_the_log_in_order() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = std::env::temp_dir().join(format!("pillarbox-bind-{}", std::process::id()));
    let mut options = stage::options(folder.clone());
    let store = options.store.clone().unwrap();
    options.bind = vec![taken.local_addr().unwrap()];
    options.vhosts = vec!["/".into()];
    for _ in 0..2 {
        let refused = Server::start(options.clone()).await.unwrap_err();
        assert!(matches!(refused, StartError::Bind { .. }), "{refused}");
    }
    let data_dir = DataDir::open(&folder).unwrap();
    let (_, recovery) = Journal::open(&data_dir, &store, 1, &mut |_| {}).unwrap();
    assert!(!recovery.is_new && recovery.was_closed);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Where somebody comes from is asked of a certificate as of a password.
#[test]
fn a_certificate_of_guest_is_good_on_this_machine_only() {
    let mut options = stage::options(std::env::temp_dir());
    options.store = None;
    let user = |name: &str, loopback_only| User {
        name: name.into(),
        tags: UserTags::default(),
        loopback_only,
        password: None,
    };
    for user in [user("guest", true), user("anna", false)] {
        let account = Account { user, permissions: ahash::AHashMap::new() };
        options.accounts.push(NamedAccount { account, password: broker::user::Password::new(b"") });
    }
    let node = open_node(options, &Vital::new()).unwrap();
    for (name, peer, is_welcome) in [
        ("guest", "127.0.0.1:1", true),
        ("guest", "[::ffff:127.0.0.1]:1", true),
        ("guest", "10.0.0.1:1", false),
        ("anna", "10.0.0.1:1", true),
        ("nobody", "127.0.0.1:1", false),
    ] {
        let outbox = Arc::new(ClientOutbox::new(OutboxBuffer::new(4096)));
        let now = node.shared.clock.now();
        let tls = TlsPeer {
            version: "TLSv1.3",
            cipher_suite: "",
            certificate: None,
            user: Some(name.to_owned()),
        };
        let entry = ConnectionEntry::new(peer.parse().unwrap(), outbox, now).with_tls(tls);
        let mut client = Client::new(&node, node.next_connection_id(), Arc::new(entry));
        assert_eq!(client.certified_user(), Some(name));
        let login = Login {
            mechanism: "EXTERNAL",
            user: name,
            proof: Proof::Certificate,
            client_properties: RawTable::EMPTY,
        };
        let expected = if is_welcome { Ok(()) } else { Err(LoginError::Refused) };
        assert_eq!(client.authenticate(&login), expected, "{name} from {peer}");
    }
}
