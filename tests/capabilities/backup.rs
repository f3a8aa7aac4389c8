//! `pillarbox backup`: a copy that a broker starts with, whatever the first one does meanwhile.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::{FileExt as _, PermissionsExt as _},
        net::UnixStream,
    },
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use lapin::{BasicProperties, options::QueuePurgeOptions, types::FieldTable};

use crate::{
    broker::Broker,
    client::{Client, DURABLE, Running, alone, body, broker_with},
    tool::{Scratch, backup, backup_command, check},
};

fn persistent() -> BasicProperties {
    BasicProperties::default().with_delivery_mode(2)
}

/// Publishes `first`, `first + 1`, … and counts what is confirmed, until it is told to stop.
async fn publish(client: &Client, first: u32, confirmed: &AtomicU32, stop: &AtomicBool) {
    let mut next = first;
    while !stop.load(Ordering::Relaxed) {
        let body = format!("{next} {}", "x".repeat(3000));
        assert!(client.try_publish("", "numbers", &body, persistent()).await.unwrap().is_ack());
        next += 1;
        confirmed.store(next, Ordering::Release);
    }
}

async fn with_queue(broker: &Arc<Running>) -> Client {
    let client = Client::connect_to(broker).await;
    client.confirm_select().await;
    client.declare("numbers", DURABLE, FieldTable::default()).await.unwrap();
    client
}

/// The numbers that a broker has, which starts on a copy.
async fn numbers_in(copy: &Path) -> Vec<u32> {
    let broker = Arc::new(Running(Broker::start_on(copy).unwrap()));
    let client = Client::connect_to(&broker).await;
    let mut numbers = Vec::new();
    while let Some(message) = client.get("numbers").await {
        client.ack(message.delivery_tag).await;
        numbers.push(body(&message).split(' ').next().unwrap().parse().unwrap());
    }
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_confirmed_before_is_in_a_backup_under_load() {
    let Some(broker) = broker_with("store.segment_bytes_max = '1MiB'") else { return };
    let scratch = Scratch::new();
    let client = with_queue(&broker).await;
    let (confirmed, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let publisher = tokio::spawn({
        let (confirmed, stop) = (Arc::clone(&confirmed), Arc::clone(&stop));
        async move { publish(&client, 0, &confirmed, &stop).await }
    });
    let mut copies = Vec::new();
    for number in 0..4 {
        let wanted = (number + 1) * 300;
        while confirmed.load(Ordering::Acquire) < wanted {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let (data_dir, copy) = (broker.data_dir(), scratch.join(&number.to_string()));
        let before = confirmed.load(Ordering::Acquire);
        let made = copy.clone();
        tokio::task::spawn_blocking(move || backup(&data_dir, &made).expect(0)).await.unwrap();
        copies.push((before, copy));
    }
    stop.store(true, Ordering::Relaxed);
    publisher.await.unwrap();
    assert!(broker.log_text().contains("a backup was made"), "{}", broker.log_text());
    for (before, copy) in copies {
        let said = check(&copy).expect(0);
        assert!(said.out.ends_with("sound\n"));
        let numbers = numbers_in(&copy).await;
        let expected: Vec<u32> = (0..u32::try_from(numbers.len()).unwrap()).collect();
        assert_eq!(numbers, expected, "in order, each once");
        assert!(numbers.len() >= before as usize, "{} of {before}", numbers.len());
    }
    check(&broker.data_dir()).expect(0);
}

#[tokio::test]
async fn data_without_a_broker_is_backed_up_too() {
    let Some(mut broker) = broker_with("") else { return };
    let scratch = Scratch::new();
    let client = with_queue(&broker).await;
    let sent = client.try_publish("", "numbers", "0 only", persistent()).await;
    assert!(sent.unwrap().is_ack());
    client.close().await;
    let data_dir = broker.data_dir();
    alone(&mut broker).kill_and_restart();
    let running = scratch.join("running");
    backup(&data_dir, &running).expect(0);
    assert_eq!(numbers_in(&running).await, [0]);
    let pid = broker.pid().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    let at_rest = scratch.join("at rest");
    // The process may take a moment to be gone.
    for _ in 0..50 {
        if backup(&data_dir, &at_rest).code == Some(0) {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(numbers_in(&at_rest).await, [0]);
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_nothing_that_looks_like_one() {
    let Some(broker) = broker_with("") else { return };
    let scratch = Scratch::new();
    let client = with_queue(&broker).await;
    for number in 0..2000 {
        client
            .publish("", "numbers", &format!("{number} {}", "x".repeat(10_000)), persistent())
            .await;
    }
    client.channel.wait_for_confirms().await.unwrap();
    let mut interrupted = 0;
    for number in 0..12_u64 {
        let copy = scratch.join(&number.to_string());
        let mut child = backup_command(&broker.data_dir(), &copy).spawn().unwrap();
        thread::sleep(Duration::from_millis(5 * number));
        let _ = child.kill(); // it may be through
        child.wait().unwrap();
        interrupted += u32::from(!copy.exists());
        if copy.exists() {
            assert!(check(&copy).expect(0).out.contains("2000 in durable queues"));
        }
    }
    assert!(interrupted > 0, "some were in the middle");
    let said = check(&broker.data_dir()).expect(0).out;
    assert!(said.contains("2000 in durable queues"), "{said}");
}

#[tokio::test]
async fn a_broker_that_is_killed_ends_the_backup_and_is_whole() {
    let Some(mut broker) = broker_with("") else { return };
    let client = with_queue(&broker).await;
    for number in 0..100 {
        client.publish("", "numbers", &format!("{number} x"), persistent()).await;
    }
    client.channel.wait_for_confirms().await.unwrap();
    client.close().await;
    let (mut socket, answer) = hold(&broker.data_dir());
    assert!(answer.starts_with("file ") && answer.ends_with("held\n"), "{answer}");
    alone(&mut broker).kill_and_restart();
    let _ = socket.write_all(b"done 5\n"); // nobody may be there
    let mut rest = String::new();
    let _ = socket.read_to_string(&mut rest); // or it is reset
    assert_eq!(rest, "", "nobody says that it was held to the end");
    let said = check(&broker.data_dir()).expect(0).out;
    assert!(said.contains("100 in durable queues"), "{said}");
}

#[tokio::test]
async fn what_is_held_stays_as_it_is() {
    let Some(broker) = broker_with("store.segment_bytes_max = '1MiB'") else { return };
    let client = with_queue(&broker).await;
    fill_and_purge(&client).await;
    let log = broker.data_dir().join("log");
    // A file that is dropped just now may have lost its name before it is opened: then it is asked again.
    let (socket, files) = loop {
        let (socket, answer) = hold(&broker.data_dir());
        let opened = answer
            .lines()
            .filter_map(|line| line.strip_prefix("file ")?.split_once(' '))
            .map(|(name, sizes)| {
                let used: u64 = sizes.split(' ').next().unwrap().parse().unwrap();
                Some((fs::File::open(log.join(name)).ok()?, used))
            })
            .collect::<Option<Vec<_>>>();
        if let Some(files) = opened {
            break (socket, files);
        }
    };
    let read = || -> Vec<Vec<u8>> {
        let written = files.iter().map(|(file, used)| {
            let mut bytes = vec![0; usize::try_from(*used).unwrap()];
            file.read_exact_at(&mut bytes, 0).unwrap();
            bytes
        });
        written.collect()
    };
    let before = read();
    assert!(!before.is_empty());
    // The files are dropped, and others are written, several times over.
    for _ in 0..5 {
        fill_and_purge(&client).await;
    }
    assert!(read() == before, "somebody has written there");
    drop(socket);
}

/// Fills some segments with what nobody needs then.
async fn fill_and_purge(client: &Client) {
    for _ in 0..200 {
        client.publish("", "numbers", &"x".repeat(20_000), persistent()).await;
    }
    client.channel.wait_for_confirms().await.unwrap();
    client.channel.queue_purge("numbers".into(), QueuePurgeOptions::default()).await.unwrap();
}

/// Asks a broker for its files.
fn hold(data_dir: &Path) -> (UnixStream, String) {
    let mut socket = UnixStream::connect(data_dir.join("control.sock")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.write_all(b"hold backup\n").unwrap();
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"held\n") && socket.read(&mut byte).unwrap() == 1 {
        answer.push(byte[0]);
    }
    (socket, String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn what_cannot_be_copied_to_is_refused() {
    let Some(broker) = broker_with("") else { return };
    let scratch = Scratch::new();
    with_queue(&broker).await.close().await;
    let data_dir = broker.data_dir();
    let refused = |destination: &Path, words: &str| {
        let said = backup(&data_dir, destination).expect(1);
        assert!(said.err.contains(words), "{}", said.err);
        assert!(said.out.is_empty());
    };
    refused(&data_dir.join("copy"), "is inside of the data folder");
    refused(&data_dir.join("log/../copy"), "is inside of the data folder");
    refused(&data_dir, "is not empty");
    refused(&scratch.join("no/such"), "make it first");
    refused(Path::new("/"), "is not empty");
    let file = scratch.join("file");
    fs::write(&file, "").unwrap();
    refused(&file, "cannot read");
    let interrupted = scratch.join("copy.partial");
    fs::create_dir(&interrupted).unwrap();
    refused(&scratch.join("copy"), "copy.partial is there");
    assert!(!scratch.join("copy").exists() && interrupted.exists());
    fs::remove_dir(interrupted).unwrap();
    // An empty folder will do.
    fs::create_dir(scratch.join("copy")).unwrap();
    backup(&data_dir, &scratch.join("copy")).expect(0);
    refused(&scratch.join("copy"), "is not empty");
    let said = backup(&scratch.join("nowhere"), &scratch.join("other")).expect(1);
    assert!(said.err.contains("nowhere"), "{}", said.err);
}

#[tokio::test]
async fn the_socket_is_its_owners_and_answers_nonsense() {
    let Some(broker) = broker_with("") else { return };
    let path = broker.data_dir().join("control.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let nonsense = "x".repeat(1 << 20);
    for (request, expected) in [
        ("hold everything\n", "error this is no request that the broker knows\n"),
        ("\n", "error this is no request that the broker knows\n"),
        (&*nonsense, "error this is no request that the broker knows\n"),
    ] {
        let mut socket = UnixStream::connect(&path).unwrap();
        let _ = socket.write_all(request.as_bytes()); // it need not take all of that
        let mut answer = [0; 100];
        let len = socket.read(&mut answer).unwrap();
        assert_eq!(std::str::from_utf8(&answer[..len]).unwrap(), expected);
    }
    // Who asks and says no more is no burden to others.
    let _silent: Vec<_> = (0..4).map(|_| hold(&broker.data_dir())).collect();
    let mut fifth = UnixStream::connect(&path).unwrap();
    let mut answer = String::new();
    fifth.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "error too many ask at once: try again\n");
    Client::connect_to(&broker).await.close().await;
}
