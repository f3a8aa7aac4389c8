use super::*;
use crate::stage;

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
