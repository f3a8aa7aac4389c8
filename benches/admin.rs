//! What it takes to look at a node with very many queues, a tenth of which hold messages.
//!
//! `cargo bench --bench admin`; with `-- --test` each runs once, with few queues.

use std::{sync::Arc, time::Duration};

use amqp::{FieldTable, Properties};
use broker::{
    permission::{Authority, Permission, TopicPermissions},
    user::{Password, User, UserTags},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use server::{
    Account, NamedAccount, Options, Server,
    admin::{Admin, NewQueue},
};
use tokio::runtime::Runtime;

const QUEUES: u64 = 50_000;
/// Enough to see that it works.
const QUEUES_OF_A_TEST: u64 = 100;

fn options() -> Options {
    let tags = UserTags::default();
    let user = User { name: "guest".into(), tags, loopback_only: true, password: None };
    let permissions = [("/".into(), Arc::new(Permission::full()))].into_iter().collect();
    let account = Account { user, permissions };
    Options {
        bind: vec!["127.0.0.1:0".parse().expect("this is an address")],
        vhosts: vec!["/".into()],
        accounts: vec![NamedAccount { account, password: Password::new(b"guest") }],
        ..Options::default()
    }
}

async fn declare_all(admin: &Admin, queues: u64) {
    let authority = Authority {
        user: "guest".into(),
        vhost: "/".into(),
        permission: Arc::new(Permission::full()),
        topics: TopicPermissions::default(),
    };
    let arguments = FieldTable::new();
    for number in 0..queues {
        let name = format!("queue-{number}");
        let queue =
            NewQueue { name: &name, durable: false, auto_delete: false, arguments: &arguments };
        admin.declare_queue(&authority, &queue).await.expect("it can be declared");
        if number % 10 == 0 {
            let (to, properties) = (("", name.as_str()), Properties::default());
            let published = admin.publish(&authority, to, &properties, "hello".into()).await;
            assert!(published.expect("it can be published"), "there is a queue");
        }
    }
}

fn admin(criterion: &mut Criterion) {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let queues = if is_test { QUEUES_OF_A_TEST } else { QUEUES };
    let runtime = Runtime::new().expect("a runtime can be made");
    let server = runtime.block_on(async {
        let server = Server::start(options()).await.expect("it starts");
        declare_all(&server.admin(), queues).await;
        server
    });
    let admin = server.admin();
    let mut group = criterion.benchmark_group("admin");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.sample_size(10).throughput(Throughput::Elements(queues));
    group.bench_function("queues", |bencher| bencher.iter(|| admin.queues(None)));
    group.bench_function("overview", |bencher| bencher.iter(|| admin.overview()));
    group.bench_function("bindings", |bencher| bencher.iter(|| admin.bindings(None)));
    group.finish();
    runtime.block_on(server.stop("done")).expect("it has no log that could fail");
}

criterion_group!(benches, admin);
criterion_main!(benches);
