//! Policies as they come over queues and exchanges that are there, that are made meanwhile, and that come back.

use std::sync::Arc;

use amqp::{FieldTable, FieldValue, ShortString};
use broker::permission::Authority;
use broker::policy::{ApplyTo, PolicyKind};
use broker::user::UserTags;

use super::started::{Started, everything, keep, text, until};
use crate::admin::{Admin, AdminError, NewExchange, NewPolicy, NewQueue, Put};

fn table(entries: &[(&'static str, FieldValue)]) -> FieldTable {
    let named = entries.iter().cloned();
    named.map(|(key, value)| (ShortString::from_static(key), value)).collect()
}

fn policy<'a>(name: &'a str, pattern: &'a str, key: &'static str, value: i64) -> NewPolicy<'a> {
    let definition = table(&[(key, FieldValue::from(value))]);
    NewPolicy { name, pattern, apply_to: ApplyTo::All, priority: 0, definition }
}

fn ann(admin: &Admin, vhost: &str) -> Authority {
    admin.authority(&admin.user("ann").unwrap(), vhost).unwrap()
}

async fn declare(admin: &Admin, name: &str, arguments: &FieldTable) {
    let queue = NewQueue { name, durable: true, auto_delete: false, arguments };
    admin.declare_queue(&ann(admin, "/"), &queue).await.unwrap();
}

async fn publish(admin: &Admin, queue: &str, count: usize) {
    let persistent = amqp::Properties { delivery_mode: Some(2), ..amqp::Properties::default() };
    for _ in 0..count {
        admin.publish(&ann(admin, "/"), ("", queue), &persistent, "x".into()).await.unwrap();
    }
}

/// The names of the policies that count for a queue.
fn policies_of(admin: &Admin, queue: &str) -> (Option<String>, Option<String>) {
    let info = admin.queue("/", queue).unwrap();
    let text = |name: Option<broker::PolicyName>| name.map(|name| name.to_string());
    (text(info.policy), text(info.operator_policy))
}

/// What a queue works by.
fn length_of(admin: &Admin, queue: &str) -> Option<u64> {
    let cell = admin.node.vhost("/").unwrap().queue(queue).unwrap();
    cell.look(|look| look.queue.settings().max_length).unwrap()
}

fn ready(admin: &Admin, queue: &str) -> u64 {
    admin.queue("/", queue).unwrap().messages.ready.value
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_counts_for_what_is_there_and_for_what_comes() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let put = async |kind, policy| admin.put_policy("/", kind, policy).await.unwrap();
    declare(&admin, "q.1", &FieldTable::new()).await;
    declare(&admin, "other", &FieldTable::new()).await;
    publish(&admin, "q.1", 5).await;
    assert_eq!(put(PolicyKind::User, policy("p", "^q", "max-length", 3)).await, Put::Created);
    declare(&admin, "q.2", &FieldTable::new()).await;
    publish(&admin, "q.2", 5).await;
    let of_p = (Some("p".to_owned()), None);
    for queue in ["q.1", "q.2"] {
        assert_eq!((policies_of(&admin, queue), ready(&admin, queue)), (of_p.clone(), 3));
    }
    assert_eq!(policies_of(&admin, "other"), (None, None));
    assert_eq!(put(PolicyKind::User, policy("p", "^q", "max-length", 4)).await, Put::Updated);
    assert_eq!(put(PolicyKind::Operator, policy("o", "1$", "max-length", 2)).await, Put::Created);
    assert_eq!(policies_of(&admin, "q.1"), (Some("p".to_owned()), Some("o".to_owned())));
    assert_eq!(ready(&admin, "q.1"), 2);
    let higher = NewPolicy { priority: 1, ..policy("high", "^q", "max-length", 1) };
    put(PolicyKind::User, higher).await;
    assert_eq!(policies_of(&admin, "q.2"), (Some("high".to_owned()), None));
    assert_eq!(ready(&admin, "q.2"), 1);
    admin.delete_policy("/", PolicyKind::User, "high").await.unwrap();
    admin.delete_policy("/", PolicyKind::Operator, "o").await.unwrap();
    publish(&admin, "q.1", 5).await;
    assert_eq!((policies_of(&admin, "q.1"), ready(&admin, "q.1")), (of_p, 4));
    for (vhost, name) in [("/", "high"), ("/", "o"), ("none", "p")] {
        let error = admin.delete_policy(vhost, PolicyKind::User, name).await.unwrap_err();
        assert!(matches!(error, AdminError::NotFound { .. }), "{error}");
    }
    let bad = admin.put_policy("/", PolicyKind::User, policy("p", "", "x", 1)).await.unwrap_err();
    assert_eq!(
        bad.to_string(),
        "Validation failed\n\n[{<<\"x\">>,1}] are not recognised policy settings\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alternate_exchange_comes_and_goes() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    declare(&admin, "caught", &FieldTable::new()).await;
    let alternate = NewPolicy {
        apply_to: ApplyTo::Exchanges,
        definition: table(&[("alternate-exchange", FieldValue::from(""))]),
        ..policy("ae", "^(x|amq\\.topic)$", "max-length", 1)
    };
    let nothing = FieldTable::new();
    let x = NewExchange {
        name: "x",
        kind: "direct",
        durable: false,
        auto_delete: false,
        internal: false,
        arguments: &nothing,
    };
    let routed = async |exchange: &str| {
        let place = (exchange, "caught");
        admin.publish(&ann(&admin, "/"), place, &Default::default(), "x".into()).await.unwrap()
    };
    admin.put_policy("/", PolicyKind::User, alternate).await.unwrap();
    admin.declare_exchange(&ann(&admin, "/"), &x).await.unwrap();
    assert!(routed("x").await && routed("amq.topic").await);
    assert!(!routed("amq.direct").await);
    assert_eq!(admin.exchange("/", "x").unwrap().policy.unwrap(), "ae");
    admin.delete_policy("/", PolicyKind::User, "ae").await.unwrap();
    assert!(!routed("x").await && !routed("amq.topic").await);
    assert_eq!(admin.exchange("/", "amq.topic").unwrap().policy, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies_and_parameters_are_as_they_were_after_a_restart() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    for (name, kind, key, value) in [
        ("gone", PolicyKind::User, "max-length", 1),
        ("p", PolicyKind::User, "max-length", 9),
        ("p", PolicyKind::Operator, "max-length", 3),
        ("p", PolicyKind::User, "max-length", 8),
    ] {
        let priority = if name == "gone" { 5 } else { -5 };
        let new = NewPolicy { priority, ..policy(name, "^q", key, value) };
        admin.put_policy("/", kind, new).await.unwrap();
    }
    admin.delete_policy("/", PolicyKind::User, "gone").await.unwrap();
    declare(&admin, "q", &FieldTable::new()).await;
    publish(&admin, "q", 5).await;
    admin.put_global_parameter("g", "[1]").await.unwrap();
    assert_eq!(admin.put_global_parameter("g", "{}").await.unwrap(), Put::Updated);
    admin.put_global_parameter("h", "1").await.unwrap();
    admin.delete_global_parameter("h").await.unwrap();
    admin.set_cluster_name(Some("one")).await.unwrap();
    admin.set_cluster_name(Some("two")).await.unwrap();
    let identity = admin.identity();
    let all = |admin: &Admin| {
        let of_kind = |kind| admin.policies(None, kind);
        (of_kind(PolicyKind::User), of_kind(PolicyKind::Operator), admin.global_parameters())
    };
    let before = all(&admin);
    assert_eq!((before.0.len(), before.1.len(), before.2.len()), (1, 1, 1));
    for _ in 0..2 {
        started.restart().await;
        let admin = started.admin();
        assert_eq!(all(&admin), before);
        assert_eq!(policies_of(&admin, "q"), (Some("p".to_owned()), Some("p".to_owned())));
        assert_eq!(ready(&admin, "q"), 3);
        assert_eq!(length_of(&admin, "q"), Some(3));
        assert_eq!((&*admin.cluster_name(), admin.identity()), ("two", identity));
    }
    let admin = started.admin();
    admin.set_cluster_name(None).await.unwrap();
    admin.delete_global_parameter("g").await.unwrap();
    admin.delete_policy("/", PolicyKind::Operator, "p").await.unwrap();
    started.restart().await;
    let admin = started.admin();
    let (users, operators, parameters) = all(&admin);
    assert_eq!((users.len(), operators.len(), parameters.len()), (1, 0, 0));
    assert!(!admin.has_cluster_name() && &*admin.cluster_name() == "pillarbox");
}

/// What was there before a policy has no time by it, also after a restart; what came since has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_ends_no_message_that_a_policy_did_not_end() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    declare(&admin, "q", &FieldTable::new()).await;
    declare(&admin, "later", &FieldTable::new()).await;
    publish(&admin, "q", 2).await;
    let ttl = policy("p", "", "message-ttl", 1);
    admin.put_policy("/", PolicyKind::User, ttl).await.unwrap();
    publish(&admin, "q", 1).await;
    publish(&admin, "later", 1).await;
    until(async || ready(&admin, "later") == 0).await;
    started.restart().await;
    let admin = started.admin();
    assert_eq!((ready(&admin, "q"), ready(&admin, "later")), (3, 0));
    let own = ann(&admin, "/");
    admin.get_messages(&own, "q", 2, crate::admin::AckMode::Ack).await.unwrap();
    until(async || ready(&admin, "q") == 0).await;
}

/// However declares and changes fall together, in the end each queue works by what the policies say by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_queue_slips_through_while_policies_change() {
    const QUEUES: usize = 150;
    let started = Arc::new(Started::with_ann().await);
    let declaring = {
        let started = Arc::clone(&started);
        tokio::spawn(async move {
            for number in 0..QUEUES {
                declare(&started.admin(), &format!("q{number}"), &FieldTable::new()).await;
            }
        })
    };
    let changing = |name: &'static str| {
        let started = Arc::clone(&started);
        tokio::spawn(async move {
            let admin = started.admin();
            for round in 1..=20 {
                let new = NewPolicy { priority: round, ..policy(name, "^q", "max-length", round) };
                admin.put_policy("/", PolicyKind::User, new).await.unwrap();
            }
        })
    };
    let (one, other) = (changing("a"), changing("b"));
    for task in [declaring, one, other] {
        task.await.unwrap();
    }
    let admin = started.admin();
    let queues = admin.queues(Some("/"));
    assert_eq!(queues.len(), QUEUES);
    for queue in queues {
        let length = length_of(&admin, &queue.name);
        assert_eq!((queue.policy.as_deref(), length), (Some("a"), Some(20)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vhost_takes_its_policies_along() {
    let mut started = Started::with_ann().await;
    let admin = started.admin();
    admin.put_user("bob", text("b"), UserTags::default()).await.unwrap();
    admin.put_vhost("v", keep).await.unwrap();
    admin.put_permission(everything("bob", "v")).await.unwrap();
    for kind in [PolicyKind::User, PolicyKind::Operator] {
        admin.put_policy("v", kind, policy("p", "", "max-length", 1)).await.unwrap();
    }
    admin.delete_vhost("v").await.unwrap();
    admin.put_vhost("v", keep).await.unwrap();
    for _ in 0..2 {
        assert!(started.admin().policies(None, PolicyKind::User).is_empty());
        assert!(started.admin().policies(Some("v"), PolicyKind::Operator).is_empty());
        started.restart().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_not_more_than_may_be() {
    let started = Started::with_ann().await;
    let admin = started.admin();
    let long = "x".repeat(256);
    let error = admin.put_policy("/", PolicyKind::User, policy(&long, "", "expires", 1)).await;
    assert!(matches!(error, Err(AdminError::Invalid { .. })), "{error:?}");
    let pattern = "x".repeat(70_000);
    let error = admin.put_policy("/", PolicyKind::User, policy("p", &pattern, "expires", 1)).await;
    assert!(matches!(error, Err(AdminError::Invalid { .. })), "{error:?}");
    let error = admin.put_global_parameter("p", &pattern).await;
    assert!(matches!(error, Err(AdminError::Invalid { .. })), "{error:?}");
    let puts = (0..1000).map(|number| {
        let admin = admin.clone();
        tokio::spawn(async move { admin.put_global_parameter(&number.to_string(), "1").await })
    });
    for put in puts.collect::<Vec<_>>() {
        put.await.unwrap().unwrap();
    }
    assert!(admin.put_global_parameter("one more", "1").await.is_err());
    assert_eq!(admin.put_global_parameter("7", "2").await.unwrap(), Put::Updated);
}
