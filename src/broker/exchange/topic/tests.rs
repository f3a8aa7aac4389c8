use super::*;

fn queue(name: &str) -> Destination {
    Destination::Queue(name.into())
}

fn binding(key: &str, name: &str) -> Arc<Binding> {
    Arc::new(Binding::new(queue(name), key.as_bytes(), &amqp::FieldTable::new()))
}

/// A trie where each pattern is bound to the queue of its own name.
fn topic(patterns: &[&str]) -> Topic {
    let mut topic = Topic::default();
    for pattern in patterns {
        topic.add(&binding(pattern, pattern));
    }
    topic
}

fn matched(topic: &Topic, key: &str) -> Vec<String> {
    let mut out = Vec::new();
    topic.route(&RoutingInput::of_key(key.as_bytes()), &mut out);
    let mut names: Vec<_> = out.iter().map(|found| found.name().to_owned()).collect();
    names.sort();
    names
}

/// The rule itself, without a thought for its cost.
fn fits(pattern: &[&str], words: &[&str]) -> bool {
    match (pattern, words) {
        ([], []) => true,
        (["#", rest @ ..], _) => {
            fits(rest, words) || !words.is_empty() && fits(pattern, &words[1..])
        }
        (["*", rest @ ..], [_, words @ ..]) => fits(rest, words),
        ([literal, rest @ ..], [word, words @ ..]) => literal == word && fits(rest, words),
        _ => false,
    }
}

fn words(key: &str) -> Vec<&str> {
    if key.is_empty() { Vec::new() } else { key.split('.').collect() }
}

/// All keys of up to `len_max` words of `alphabet`.
fn keys(alphabet: &[&str], len_max: usize) -> Vec<String> {
    let mut all = vec![Vec::new()];
    let mut longest = all.clone();
    for _ in 0..len_max {
        longest = longest
            .iter()
            .flat_map(|key| alphabet.iter().map(move |word| [key.as_slice(), &[*word]].concat()))
            .collect();
        all.extend(longest.clone());
    }
    all.iter().map(|key| key.join(".")).collect()
}

#[test]
fn wildcards() {
    let topic = topic(&["a.b", "a.*", "*.b", "#", "a.#", "#.b", "*", "a", "", "*.*.*", "#.a.#"]);
    for (key, expected) in [
        ("", vec!["", "#"]),
        ("a", vec!["#", "#.a.#", "*", "a", "a.#"]),
        ("a.b", vec!["#", "#.a.#", "#.b", "*.b", "a.#", "a.*", "a.b"]),
        ("a.", vec!["#", "#.a.#", "a.#", "a.*"]),
        ("b.a.b", vec!["#", "#.a.#", "#.b", "*.*.*"]),
        (".", vec!["#"]),
    ] {
        assert_eq!(matched(&topic, key), expected, "{key:?}");
    }
}

#[test]
fn a_routing_key_may_hold_the_wildcards_themselves() {
    let topic = topic(&["a.*", "a.#", "a.b"]);
    assert_eq!(matched(&topic, "a.*"), ["a.#", "a.*"]);
    assert_eq!(matched(&topic, "a.#"), ["a.#", "a.*"]);
}

#[test]
fn it_agrees_with_the_rule_while_patterns_come_and_go() {
    let patterns = keys(&["a", "b", "*", "#"], 4);
    let allowed: Vec<&str> = patterns
        .iter()
        .map(String::as_str)
        .filter(|pattern| words(pattern).iter().filter(|word| **word == "#").count() <= HASHES_MAX)
        .collect();
    let mut topic = Topic::default();
    let keys = keys(&["a", "b", "c"], 4);
    // Every third pattern, then two thirds, all of them, and back to none.
    for (step, is_added) in [(0, true), (1, true), (2, true), (1, false), (0, false), (2, false)] {
        for pattern in allowed.iter().skip(step).step_by(3) {
            let binding = binding(pattern, pattern);
            if is_added { topic.add(&binding) } else { topic.remove(&binding) }
        }
        let bound: Vec<&str> = {
            let mut bound: Vec<&str> = topic_destinations(&topic)
                .iter()
                .map(|name| allowed[index(&allowed, name)])
                .collect();
            bound.sort_unstable();
            bound
        };
        for key in &keys {
            let expected: Vec<&str> = bound
                .iter()
                .copied()
                .filter(|pattern| fits(&words(pattern), &words(key)))
                .collect();
            assert_eq!(matched(&topic, key), expected, "{key:?}");
        }
    }
    assert_eq!(topic.nodes.len() - topic.free.len(), 1, "only the root is left");
    let root = topic.node(ROOT);
    assert_eq!((root.to_hash, root.ends.count, root.edges), (0, 0, 0));
    assert!(topic.edges.is_empty() && topic.words.is_empty());
}

fn index(patterns: &[&str], name: &str) -> usize {
    patterns.iter().position(|pattern| *pattern == name).unwrap()
}

/// The queues at all nodes.
fn topic_destinations(topic: &Topic) -> Vec<String> {
    let mut out = Vec::new();
    topic.nodes.iter().for_each(|node| node.destinations.append_to(&mut out));
    out.iter().map(|found| found.name().to_owned()).collect()
}

#[test]
fn at_most_two_hashes() {
    let topic = Topic::default();
    assert_eq!(topic.check_binding(&binding("#.a.#", "q")), Ok(()));
    assert_eq!(
        topic.check_binding(&binding("#.a.#.#", "q")).unwrap_err().to_string(),
        "PRECONDITION_FAILED - Topic binding key '#.a.#.#' uses 3 '#' wildcards, at most 2 are allowed"
    );
}

#[test]
fn the_same_queue_bound_twice_stays_until_both_go() {
    let mut topic = topic(&[]);
    let (first, second) = (binding("a", "q"), binding("#", "q"));
    topic.add(&first);
    topic.add(&second);
    assert_eq!(matched(&topic, "a"), ["q", "q"]);
    topic.remove(&first);
    assert_eq!(matched(&topic, "a"), ["q"]);
    topic.remove(&second);
    assert!(matched(&topic, "a").is_empty());
}

#[test]
fn wildcards_everywhere_do_not_multiply() {
    let alphabet: Vec<String> = (0..100).map(|index| format!("{index:02}")).collect();
    let mut topic = Topic::default();
    for (count, (first, second)) in
        alphabet.iter().flat_map(|a| alphabet.iter().map(move |b| (a, b))).enumerate()
    {
        topic.add(&binding(&format!("#.{first}.#.{second}"), &format!("q{count}")));
    }
    // 85 words of two letters are as many as a key holds.
    let key = alphabet[..85].join(".");
    assert_eq!(matched(&topic, &key).len(), 84);
}
