//! A letter posted while nobody is at home, and one while the postman waits, both arrive byte for byte.

#[path = "../../../../rust/tests/started/mod.rs"]
mod started;

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio, id},
};

use started::Broker;

/// Ends with the test, however that ends.
struct Postman(Child);

impl Drop for Postman {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn post(broker: &Broker, addressee: &str, letter: &[u8]) {
    let mut post_box = Command::new(env!("CARGO_BIN_EXE_post_box"))
        .arg(addressee)
        .env("AMQP_URL", &broker.uri)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the post box opens");
    let mut slot = post_box.stdin.take().expect("it was piped");
    slot.write_all(letter).expect("the letter fits");
    drop(slot);
    let output = post_box.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, format!("posted {} bytes to {addressee}\n", letter.len()));
}

#[test]
fn letters_arrive() {
    let broker = Broker::start();
    let addressee = format!("alice-{}", id());
    let folder = std::env::temp_dir().join(&addressee);
    let letters: [&[u8]; 2] = [b"Dear Alice", &[0, 255, 206, 13, 10]];
    post(&broker, &addressee, letters[0]);

    let mut postman = Postman(
        Command::new(env!("CARGO_BIN_EXE_postman"))
            .args([addressee.as_ref(), folder.as_os_str()])
            .env("AMQP_URL", &broker.uri)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut said = BufReader::new(postman.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(said.next().unwrap(), format!("waiting for letters to {addressee}"));
    let first = folder.join("letter-1");
    assert_eq!(said.next().unwrap(), format!("delivered 10 bytes to {}", first.display()));
    post(&broker, &addressee, letters[1]);
    let second = folder.join("letter-2");
    assert_eq!(said.next().unwrap(), format!("delivered 5 bytes to {}", second.display()));

    assert_eq!(fs::read(first).unwrap(), letters[0]);
    assert_eq!(fs::read(second).unwrap(), letters[1]);
    fs::remove_dir_all(folder).unwrap();
}
