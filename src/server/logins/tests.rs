use broker::UserTags;

use super::*;

fn user(name: &str) -> Arc<User> {
    let password = Some(PasswordHash::new(name.as_bytes(), [1; 16]));
    let tags = UserTags::default();
    Arc::new(User { name: name.into(), tags, loopback_only: false, password })
}

fn waiter() -> (Waiter, Answer) {
    let (answer_tx, answer) = oneshot::channel();
    (Waiter { answer: answer_tx, connection: None }, answer)
}

fn password_of(job: Option<Job>) -> Option<String> {
    match job? {
        Job::Check { password, .. } | Job::Hash { password, .. } => {
            Some(String::from_utf8(password.as_bytes().to_vec()).unwrap())
        }
    }
}

const FLOOD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

#[test]
fn addresses_take_turns() {
    let mut work = Work::default();
    let mut answers = Vec::new();
    for (password, peer) in [("f1", FLOOD), ("f2", FLOOD), ("f3", FLOOD), ("o", OTHER)] {
        let (waiter, answer) = waiter();
        work.add(None, Password::new(password.as_bytes()), peer, waiter);
        answers.push(answer);
    }
    let order: Vec<String> = std::iter::from_fn(|| password_of(work.take())).collect();
    assert_eq!(order, ["f1", "o", "f2", "f3"]);
}

#[test]
fn what_nobody_waits_for_is_left_out() {
    let mut work = Work::default();
    let (gone, answer) = waiter();
    work.add(None, Password::new(b"gone"), FLOOD, gone);
    drop(answer);
    let (there, _answer) = waiter();
    work.add(None, Password::new(b"there"), FLOOD, there);
    assert_eq!(password_of(work.take()).as_deref(), Some("there"));
    assert!(work.take().is_none());
    assert_eq!(work.checks.len(), 1, "it is being done");
    assert_eq!(work.done(1).len(), 1);
    assert!(work.checks.is_empty() && work.turns.is_empty());
}

/// Without a runtime everything is done before the call returns.
#[test]
fn the_right_one_is_told_from_wrong_ones() {
    let logins = Arc::<Logins>::default();
    let ann = user("ann");
    let check = |user: Option<&Arc<User>>, password: &str| {
        let mut answer = logins.check(user, password.as_bytes(), OTHER, None).unwrap();
        answer.try_recv().unwrap()
    };
    assert!(check(Some(&ann), "ann"));
    assert!(!check(Some(&ann), "bob"));
    assert!(!check(None, "ann"));
    assert!(logins.work.lock().checks.is_empty());
}

#[tokio::test]
async fn equal_logins_are_checked_once() {
    let logins = Arc::new(Logins { work: Mutex::default(), threads_max: 0 });
    let (ann, bob) = (user("ann"), user("bob"));
    let answers: Vec<Answer> = [(&ann, "ann"), (&ann, "ann"), (&ann, "bob"), (&bob, "ann")]
        .into_iter()
        .map(|(user, password)| logins.check(Some(user), password.as_bytes(), OTHER, None).unwrap())
        .collect();
    assert_eq!(logins.work.lock().checks.len(), 3);
    logins.work.lock().threads = 1;
    logins.run();
    let mut rights = Vec::new();
    for answer in answers {
        rights.push(answer.await.unwrap());
    }
    assert_eq!(rights, [true, true, false, false]);
}

#[tokio::test]
async fn no_more_wait_than_may() {
    let logins = Arc::new(Logins { work: Mutex::default(), threads_max: 0 });
    let check = |number: usize| logins.check(None, &number.to_le_bytes(), FLOOD, None);
    let answers: Vec<Answer> = (0..WAITING_MAX).map(|number| check(number).unwrap()).collect();
    assert!(check(WAITING_MAX).is_none());
    assert!(check(0).is_some(), "one like this waits already");
    drop(answers);
    logins.work.lock().threads = 1;
    logins.run();
    assert!(check(WAITING_MAX).is_some());
}

#[tokio::test]
async fn a_new_password_is_hashed_with_a_salt_of_its_own() {
    let logins = Arc::<Logins>::default();
    let one = logins.hash(Password::new(b"secret")).await;
    let other = logins.hash(Password::new(b"secret")).await;
    assert!(one != other);
    let user = User { password: Some(one), ..(*user("ann")).clone() };
    assert!(user.has_password(b"secret") && !user.has_password(b"Secret"));
}
