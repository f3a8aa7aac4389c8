use amqp::{FieldValue, ShortString};

use super::*;

fn table(entries: &[(&'static str, FieldValue)]) -> FieldTable {
    let named = entries.iter().cloned();
    named.map(|(key, value)| (ShortString::from_static(key), value)).collect()
}

fn set(
    kind: PolicyKind,
    (name, pattern): (&str, &str),
    priority: i64,
    definition: &[(&'static str, FieldValue)],
) -> Result<Policy, PolicyFault> {
    Policy::new(kind, (name.into(), pattern), ApplyTo::All, priority, table(definition))
}

fn fault(kind: PolicyKind, definition: &[(&'static str, FieldValue)]) -> String {
    let text = set(kind, ("p", ""), 0, definition).unwrap_err().to_string();
    let text = text.strip_prefix("Validation failed\n\n").unwrap().strip_suffix('\n').unwrap();
    text.to_owned()
}

use PolicyKind::{Operator, User};

#[test]
fn a_name_or_a_key_fits_into_a_shortstr() {
    let of = |length: usize| FieldValue::from("k".repeat(length).as_str());
    for key in ["alternate-exchange", "dead-letter-exchange", "dead-letter-routing-key"] {
        assert!(set(User, ("p", ""), 0, &[(key, of(255))]).is_ok());
        assert!(fault(User, &[(key, of(256))]).contains("is not a valid"), "{key}");
    }
}

/// As RabbitMQ answers; of the keys of later versions as their sources have it.
#[test]
fn values_are_checked_in_rabbitmqs_words() {
    let [minus, text] = [FieldValue::from(-1), FieldValue::from("x")];
    for (key, bad, expected) in [
        ("alternate-exchange", &minus, "-1 is not a valid alternate exchange name"),
        ("consumer-timeout", &minus, "-1 is not a valid consumer timeout"),
        ("dead-letter-exchange", &minus, "-1 is not a valid dead letter exchange name"),
        ("dead-letter-routing-key", &minus, "-1 is not a valid dead letter routing key"),
        ("dead-letter-strategy", &text, "<<\"x\">> is not a valid dead letter strategy"),
        ("delivery-limit", &text, "<<\"x\">> is not a valid delivery limit"),
        ("expires", &FieldValue::from(0), "0 is not a valid queue expiry"),
        ("initial-cluster-size", &minus, "-1 is not a valid cluster size"),
        ("max-age", &FieldValue::from("0D"), "<<\"0D\">> is not a valid max age"),
        ("max-age", &minus, "-1 is not a valid max age"),
        ("max-in-memory-length", &minus, "-1 is not a valid maximum memory in bytes"),
        ("max-length", &minus, "-1 is not a valid maximum length"),
        ("max-length-bytes", &FieldValue::F64(1.5), "1.5 is not a valid maximum length in bytes"),
        ("message-ttl", &FieldValue::from(true), "true is not a valid message TTL"),
        ("overflow", &text, "<<\"x\">> is not a valid overflow value"),
        ("queue-leader-locator", &text, "<<\"x\">> is not a valid queue leader locator value"),
        ("queue-master-locator", &text, "<<\"x\">> invalid queue-master-locator value"),
        ("queue-mode", &text, "<<\"x\">> is not a valid queue-mode value"),
        ("queue-version", &FieldValue::from(3), "3 is not a valid queue-version value"),
        ("ha-mode", &text, "<<\"x\">> is not a valid ha-mode value"),
        (
            "ha-mode",
            &FieldValue::from("exactly"),
            "ha-mode=\"exactly\" takes an integer, none given",
        ),
    ] {
        assert_eq!(fault(User, &[(key, bad.clone())]), expected);
    }
    // The first by its key, and bad values before unknown keys.
    let many = [("message-ttl", minus.clone()), ("a", text), ("expires", minus)];
    assert_eq!(fault(User, &many), "-1 is not a valid queue expiry");
}

#[test]
fn unknown_keys_are_named_together() {
    let unknown = [("zeta", FieldValue::from(1)), ("alpha", FieldValue::from("x"))];
    let expected =
        "[{<<\"alpha\">>,<<\"x\">>},{<<\"zeta\">>,1}] are not recognised policy settings";
    assert_eq!(fault(User, &unknown), expected);
    assert_eq!(fault(User, &[]), "no policy provided");
    let of_users = [("dead-letter-exchange", FieldValue::from("x"))];
    assert!(set(User, ("p", ""), 0, &of_users).is_ok());
    let expected = "[{<<\"dead-letter-exchange\">>,<<\"x\">>}] are not recognised policy settings";
    assert_eq!(fault(Operator, &of_users), expected);
    let mirrored = [("ha-mode", FieldValue::from("all"))];
    assert!(set(User, ("p", ""), 0, &mirrored).is_ok());
    assert!(fault(Operator, &mirrored).contains("not recognised"));
    for key in ["max-priority", "single-active-consumer", "queue-type", "federation-upstream"] {
        assert!(
            fault(User, &[(key, FieldValue::from(1))]).ends_with("not recognised policy settings")
        );
    }
}

#[test]
fn mirrored_queues_are_checked_as_they_were() {
    let all = ("ha-mode", FieldValue::from("all"));
    let nodes = ("ha-mode", FieldValue::from("nodes"));
    let list = |value: FieldValue| ("ha-params", FieldValue::from(vec![value]));
    assert!(set(User, ("p", ""), 0, &[nodes.clone(), list(FieldValue::from("a@b"))]).is_ok());
    for (definition, expected) in [
        (
            vec![("ha-params", FieldValue::from(2))],
            "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown",
        ),
        (
            vec![all.clone(), ("ha-params", FieldValue::from(2))],
            "ha-mode=\"all\" does not take parameters",
        ),
        (
            vec![nodes, list(FieldValue::from(5))],
            "ha-mode=\"nodes\" takes a list of strings, [5] was not a string",
        ),
        (
            vec![all.clone(), ("ha-sync-mode", FieldValue::from("x"))],
            "ha-sync-mode must be \"manual\" or \"automatic\", got <<\"x\">>",
        ),
        (
            vec![all, ("ha-sync-batch-size", FieldValue::from(0))],
            "ha-sync-batch-size takes an integer greater than 0, 0 given",
        ),
    ] {
        assert_eq!(fault(User, &definition), expected);
    }
}

#[test]
fn a_pattern_is_an_expression_and_the_target_a_known_one() {
    let length = [("max-length", FieldValue::from(1))];
    let text = set(User, ("p", "("), 0, &length).unwrap_err().to_string();
    assert!(text.contains("pattern should be regular expression but is invalid: "), "{text}");
    assert!(set(User, ("p", "a{1000}{1000}"), 0, &length).is_err());
    for known in ["all", "queues", "classic_queues", "quorum_queues", "streams", "exchanges"] {
        assert_eq!(ApplyTo::parse(known).unwrap().as_str(), known);
    }
    let text = ApplyTo::parse("x").unwrap_err().to_string();
    assert!(text.contains("apply-to 'x' unrecognised; should be one of: 'queues'"), "{text}");
}

#[test]
fn the_highest_priority_counts_and_of_equal_ones_the_first_name() {
    let mut policies = Policies::default();
    let length = [("max-length", FieldValue::from(1))];
    for (name, pattern, priority) in
        [("b", "^q", 1), ("a", "^q", 1), ("low", "", -5), ("high", "^q\\.special$", 7)]
    {
        assert!(!policies.put(
            User,
            set(User, (name, pattern), priority, &length).unwrap(),
            |_| ()
        ));
    }
    let chosen = |policies: &Policies<()>, name: &str| {
        let chosen = policies.of_queue(name, QueueKind::Classic);
        assert!(chosen.operator.is_none());
        chosen.user.map(|policy| policy.name().to_string())
    };
    assert_eq!(chosen(&policies, "q"), Some("a".to_owned()));
    assert_eq!(chosen(&policies, "q.special"), Some("high".to_owned()));
    assert_eq!(chosen(&policies, "other"), Some("low".to_owned()));
    assert_eq!(policies.remove(User, "a"), Some(()));
    assert_eq!(chosen(&policies, "q"), Some("b".to_owned()));
    assert_eq!((policies.remove(User, "low"), policies.remove(Operator, "b")), (Some(()), None));
    assert_eq!(chosen(&policies, "other"), None);
}

#[test]
fn what_it_is_for_and_what_it_sets_decide_what_it_counts_for() {
    let for_only = |apply_to, definition: &[(&'static str, FieldValue)]| {
        Policy::new(User, ("p".into(), "^q"), apply_to, 0, table(definition)).unwrap()
    };
    let length = [("max-length", FieldValue::from(1))];
    use ApplyTo::{All, ClassicQueues, Exchanges, Queues, QuorumQueues, Streams};
    for (apply_to, classic, quorum, exchange) in [
        (All, true, true, true),
        (Queues, true, true, false),
        (ClassicQueues, true, false, false),
        (QuorumQueues, false, true, false),
        (Streams, false, false, false),
        (Exchanges, false, false, true),
    ] {
        let policy = for_only(apply_to, &length);
        assert_eq!(policy.matches_queue("q", QueueKind::Classic), classic, "{apply_to:?}");
        assert_eq!(policy.matches_queue("q", QueueKind::Quorum), quorum, "{apply_to:?}");
        assert_eq!(policy.matches_exchange("q"), exchange, "{apply_to:?}");
        assert!(!policy.matches_queue("a", QueueKind::Classic) && !policy.matches_exchange("a"));
    }
    for (definition, classic, quorum) in [
        (("delivery-limit", FieldValue::from(3)), false, true),
        (("dead-letter-strategy", FieldValue::from("at-most-once")), false, true),
        (("queue-mode", FieldValue::from("lazy")), true, false),
        (("ha-mode", FieldValue::from("all")), true, false),
        (("max-age", FieldValue::from("7D")), false, false),
        (("alternate-exchange", FieldValue::from("x")), true, true),
    ] {
        let policy = for_only(All, &[definition]);
        assert_eq!(policy.matches_queue("q", QueueKind::Classic), classic, "{policy:?}");
        assert_eq!(policy.matches_queue("q", QueueKind::Quorum), quorum, "{policy:?}");
    }
}

#[test]
fn an_operator_bounds_what_users_wish() {
    let merged = |user: &[(&'static str, FieldValue)], operator: &[(&'static str, FieldValue)]| {
        merge(Some(&table(user)), Some(&table(operator)))
    };
    let number = |key: &'static str, n: i64| [(key, FieldValue::from(n))];
    for (key, wish, bound, expected) in [
        ("message-ttl", 5, 7, 5),
        ("message-ttl", 9, 7, 7),
        ("expires", 9, 7, 7),
        ("max-length", 9, 7, 7),
        ("max-length-bytes", 5, 7, 5),
        ("max-in-memory-bytes", 9, 7, 7),
        ("delivery-limit", 9, 7, 7),
        ("delivery-limit", -1, 7, 7),
        ("delivery-limit", 9, -1, 9),
        ("target-group-size", 9, 7, 9),
        ("queue-version", 2, 1, 1),
    ] {
        let both = merged(&number(key, wish), &number(key, bound));
        assert_eq!(both.get(key).and_then(FieldValue::as_integer), Some(expected), "{key}");
    }
    let overflow = |text: &str| [("overflow", FieldValue::from(text))];
    let both = merged(&overflow("drop-head"), &overflow("reject-publish"));
    assert_eq!(both, table(&overflow("reject-publish")));
    let both = merged(&number("max-length", 5), &number("expires", 7));
    assert_eq!(both.len(), 2);
    assert_eq!(merge(None, None), FieldTable::new());
    assert_eq!(merge(Some(&both), None), both);
    assert_eq!(merge(None, Some(&both)), both);
}

#[test]
fn what_was_chosen_is_known_again() {
    let mut policies = Policies::default();
    let definition = [("max-length", FieldValue::from(1))];
    policies.put(User, set(User, ("p", ""), 0, &definition).unwrap(), |_| 1);
    let before = policies.of_exchange("x");
    assert!(!before.is_none() && before.is_same(&policies.of_queue("q", QueueKind::Quorum)));
    assert_eq!(before.merged(), table(&definition));
    assert!(
        policies.put(User, set(User, ("p", ""), 0, &definition).unwrap(), |old| old.unwrap() + 1)
    );
    assert!(before.is_same(&policies.of_exchange("x")));
    let changed = [("max-length", FieldValue::from(2))];
    policies.put(User, set(User, ("p", ""), 0, &changed).unwrap(), |_| 2);
    assert!(!before.is_same(&policies.of_exchange("x")));
    assert_eq!(policies.find(User, "p").map(|(_, kept)| *kept), Some(2));
    assert!(policies.find(Operator, "p").is_none());
}
