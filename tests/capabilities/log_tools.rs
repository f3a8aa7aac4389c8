//! `pillarbox log check` and `pillarbox log dump`: what they tell of a log, whole or damaged, and that they change nothing.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use lapin::{BasicProperties, types::FieldTable};

use crate::{
    client::{Client, DURABLE, Running, broker_with},
    tool::{Said, Scratch, backup, check, command, dump},
};

/// What no terminal is to be sent.
const NASTY: &str = "\u{1b}[2J\r\nfaked line\u{9b}31m";

/// A queue's name like that: line ends are taken out of names by the broker.
const NASTY_QUEUE: &str = "\u{1b}[2Jfaked line\u{9b}31m";

/// Two queues and four messages, one of which was acked.
async fn fill(broker: &std::sync::Arc<Running>) -> Client {
    let client = Client::connect_to(broker).await;
    client.confirm_select().await;
    client.declare("orders", DURABLE, FieldTable::default()).await.unwrap();
    client.declare(NASTY_QUEUE, DURABLE, FieldTable::default()).await.unwrap();
    for (queue, body) in [
        ("orders", "the first order"),
        ("orders", "the second order, which is long enough to be cut by a preview of 64 bytes"),
        ("orders", NASTY),
        (NASTY_QUEUE, "elsewhere"),
    ] {
        let published = client.try_publish("", queue, body, persistent()).await;
        assert!(published.unwrap().is_ack());
    }
    let first = client.expect("orders").await;
    client.ack(first.delivery_tag).await;
    let published = client.try_publish("", "orders", "the last order", persistent()).await;
    assert!(published.unwrap().is_ack());
    client
}

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// A copy of such a log, at rest.
async fn copy(scratch: &Scratch) -> Option<PathBuf> {
    let broker = broker_with("")?;
    let client = fill(&broker).await;
    let copy = scratch.join("copy");
    backup(&broker.data_dir(), &copy).expect(0);
    client.close().await;
    Some(copy)
}

/// Every file of a folder.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// The only segment of a log.
fn segment(data_dir: &Path) -> PathBuf {
    let files: Vec<PathBuf> = bytes(&data_dir.join("log")).into_keys().collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    file.clone()
}

/// Changes what a log has at the first place of some bytes; where that is.
fn damage(data_dir: &Path, what: &[u8]) -> usize {
    let file = segment(data_dir);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(what.len()).position(|window| window == what).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
    at
}

/// Nothing that a terminal would take for anything but text.
#[track_caller]
fn assert_harmless(text: &str) {
    let is_harmless = |c: char| c == '\n' || !c.is_control();
    assert!(text.chars().all(is_harmless), "{}", text.escape_debug());
    assert!(!text.lines().any(|line| line.starts_with("faked")), "{text}");
}

#[tokio::test]
async fn a_log_is_checked_while_its_broker_runs() {
    let Some(broker) = broker_with("") else { return };
    let client = fill(&broker).await;
    let said = check(&broker.data_dir()).expect(0).out;
    assert!(said.contains("a broker runs on it"), "{said}");
    assert!(said.contains("2 queues, 0 exchanges, 0 bindings, 1 user, 1 permission, 1 vhost"));
    assert!(said.contains("4 in durable queues"), "{said}");
    assert!(said.contains("queue \"orders\" in vhost \"/\": 3 messages"), "{said}");
    assert!(said.ends_with("sound\n"), "{said}");
    assert_harmless(&said);
    // It goes on.
    client.send("orders", "one more").await;
    assert_eq!(client.ready("orders").await, 4);
}

#[tokio::test]
async fn a_log_is_sound_whenever_it_is_checked_under_load() {
    let Some(broker) = broker_with("store.segment_bytes_max = '1MiB'") else { return };
    let client = Client::connect_to(&broker).await;
    client.confirm_select().await;
    client.declare("load", DURABLE, FieldTable::default()).await.unwrap();
    let data_dir = broker.data_dir();
    let checks = tokio::task::spawn_blocking(move || {
        for _ in 0..8 {
            let said = check(&data_dir).expect(0).out;
            assert!(said.contains("a broker runs on it"), "{said}");
        }
    });
    let body = "x".repeat(20_000);
    // Segments are filled, dropped and used again meanwhile.
    while !checks.is_finished() {
        for _ in 0..50 {
            client.publish("", "load", &body, persistent()).await;
        }
        client.channel.wait_for_confirms().await.unwrap();
        client.channel.queue_purge("load".into(), Default::default()).await.unwrap();
    }
    checks.await.unwrap();
}

#[tokio::test]
async fn nothing_is_changed_by_looking() {
    let scratch = Scratch::new();
    let Some(copy) = copy(&scratch).await else { return };
    let before = bytes(&copy.join("log"));
    let said = check(&copy).expect(0).out;
    assert!(said.contains("4 in durable queues") && said.contains("closed       not in order"));
    dump(&copy, &[]).expect(0);
    assert_eq!(bytes(&copy.join("log")), before);
    assert_eq!(fs::read_dir(&copy).unwrap().count(), 1, "no lock, no socket");
}

#[tokio::test]
async fn a_dump_shows_records_and_no_secret() {
    let scratch = Scratch::new();
    let Some(copy) = copy(&scratch).await else { return };
    let said = dump(&copy, &[]).expect(0).out;
    assert_harmless(&said);
    assert!(
        said.contains("definition sequence=2 user=\"guest\" tags=[\"administrator\"]"),
        "{said}"
    );
    assert!(said.contains("routing_key=\"orders\" persistent=true"), "{said}");
    assert!(
        said.contains("body=\"the second order, which is long enough to be cut by a preview of\"")
    );
    let owner = "owner={queue=\"orders\" vhost=\"/\"}";
    assert!(said.contains(&format!("release {owner} sequences=[\"6\"]")), "{said}");

    let mine = dump(&copy, &["--queue", "orders", "--kind", "message", "--bodies"]).expect(0).out;
    let bodies: Vec<&str> =
        mine.lines().filter_map(|line| Some(line.split_once(" body=")?.1)).collect();
    let second = "\"the second order, which is long enough to be cut by a preview of 64 bytes\"";
    let nasty = format!("{NASTY:?}");
    // The first one was acked, but is still there.
    assert_eq!(bodies, ["\"the first order\"", second, &nasty, "\"the last order\""]);
    assert_eq!(mine.lines().count(), 4);

    let json =
        dump(&copy, &["--json", "--kind", "definition", "--queue", NASTY_QUEUE]).expect(0).out;
    assert_harmless(&json);
    let [line] = &json.lines().collect::<Vec<_>>()[..] else { panic!("{json}") };
    assert!(
        line.contains(r#""kind":"definition","sequence":5,"queue":"\u001b[2Jfaked line\u009b31m""#),
        "{json}"
    );

    let nobody = dump(&copy, &["--queue", "nobody's"]).expect(2);
    assert!(nobody.err.contains("no durable queue \"nobody's\""), "{}", nobody.err);
}

#[tokio::test]
async fn whoever_reads_a_dump_may_stop() {
    let Some(broker) = broker_with("") else { return };
    let client = Client::connect_to(&broker).await;
    client.confirm_select().await;
    client.declare("many", DURABLE, FieldTable::default()).await.unwrap();
    for _ in 0..2000 {
        client.publish("", "many", &"x".repeat(100), persistent()).await;
    }
    client.channel.wait_for_confirms().await.unwrap();
    let mut dump = command(["log", "dump"])
        .arg(broker.data_dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(dump.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains(" batch number=1"), "{line}");
    drop(out);
    let mut err = String::new();
    dump.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((dump.wait().unwrap().code(), &*err), (Some(0), ""));
}

#[tokio::test]
async fn a_wrong_byte_is_found_and_so_is_what_it_hits() {
    let scratch = Scratch::new();
    let Some(copy) = copy(&scratch).await else { return };
    let at = damage(&copy, b"the second order");
    let said = check(&copy).expect(1).out;
    let line = said.lines().find(|line| line.contains("a batch is not what was written")).unwrap();
    let (file, rest) = line.trim().split_once(": ").unwrap();
    assert_eq!(file, segment(&copy).file_name().unwrap().to_str().unwrap());
    let mut numbers =
        rest.split(' ').filter_map(|word| word.trim_end_matches(':').parse::<usize>().ok());
    let (len, offset) = (numbers.next().unwrap(), numbers.next().unwrap());
    assert!((offset..offset + len).contains(&at), "{at} is not in: {line}");
    assert!(said.contains("hits message 7 of queue \"orders\" in vhost \"/\"\n"), "{said}");
    assert!(said.contains("damaged in 1 place:") && said.contains("3 in durable queues"), "{said}");

    let dumped = dump(&copy, &["--kind", "damage"]).expect(1).out;
    assert!(dumped.starts_with(&format!("{file}@{offset} damage bytes={len} ")), "{dumped}");
}

#[tokio::test]
async fn a_file_that_is_shorter_than_it_was_is_found() {
    let scratch = Scratch::new();
    let Some(copy) = copy(&scratch).await else { return };
    let file = segment(&copy);
    let len = file.metadata().unwrap().len();
    fs::File::options().write(true).open(&file).unwrap().set_len(len / 2).unwrap();
    let said = check(&copy).expect(1).out;
    let expected =
        format!("{} bytes at offset {}: the file is shorter than it was", len - len / 2, len / 2);
    assert!(said.contains(&expected), "{said}");
}

#[tokio::test]
async fn what_cannot_be_read_says_what_to_do() {
    let scratch = Scratch::new();
    let Some(copy) = copy(&scratch).await else { return };
    let file = segment(&copy);
    let mut bytes = fs::read(&file).unwrap();
    bytes[8] = 9;
    let crc = crc32(&bytes[..12]).to_le_bytes();
    bytes[12..16].copy_from_slice(&crc);
    fs::write(&file, bytes).unwrap();
    let said = check(&copy).expect(2).err;
    assert!(
        said.contains("has format version 9") && said.contains("use the program that wrote it"),
        "{said}"
    );

    let said = check(&copy.join("log")).expect(2).err;
    assert!(said.contains("is the log itself: name the data folder"), "{said}");
    let said = check(&scratch.join("nowhere")).expect(2).err;
    assert!(said.contains("cannot read the data folder"), "{said}");
    fs::remove_file(&file).unwrap();
    let said = dump(&copy, &[]).expect(2).err;
    assert!(said.contains("has no segment"), "{said}");
}

#[tokio::test]
async fn the_folder_is_the_one_that_the_broker_would_take() {
    let scratch = Scratch::new();
    let Some(copy) = copy(&scratch).await else { return };
    let config = scratch.join("broker.toml");
    fs::write(&config, format!("store.data_dir = {:?}", copy.to_str().unwrap())).unwrap();
    let said = command(["log", "check", "--config"]).arg(&config).output().unwrap();
    assert!(Said::from(said).expect(0).out.contains("4 in durable queues"));
    let place = scratch.join("data of programs");
    fs::create_dir(&place).unwrap();
    fs::rename(&copy, place.join("pillarbox")).unwrap();
    let said = command(["log", "check"]).env("XDG_DATA_HOME", &place).output().unwrap();
    assert!(Said::from(said).expect(0).out.contains("4 in durable queues"));
}

/// The checksum that the header of a segment has.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    })
}
