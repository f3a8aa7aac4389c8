//! Where tools on the same machine ask the broker for its log: a socket in the data folder, for the folder's owner alone.
//!
//! ```text
//! client                     broker
//! hold PURPOSE          ─▶
//!                       ◀─   file NAME USED LENGTH     a line for each file of the log, as it is flushed now
//!                       ◀─   held
//! done BYTES            ─▶
//!                       ◀─   ok
//! ```
//!
//! From `held` on, until the connection ends, those bytes of those files stay as they are: the broker goes on in others. A
//! file that nothing else needs may lose its name, so a client opens them all at once, and asks again if one is gone.
//! Whatever is wrong is answered by `error WHY`, and the connection ends.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use disk::ControlPath;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::node::Node;

/// How many are answered at once.
const CLIENTS_MAX: usize = 4;
/// A request is no longer than this, in bytes.
const REQUEST_BYTES_MAX: u64 = 256;
/// How long a client may take to ask, and to take the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long files are held: a client that hangs must not fill the disk.
const HOLD_MAX: Duration = Duration::from_secs(60 * 60);
/// How long accepting rests when the process has no more file descriptors.
const REST: Duration = Duration::from_millis(200);

/// The socket of a node.
#[derive(Debug)]
pub(crate) struct Control {
    socket: UnixListener,
    path: ControlPath,
    node: Arc<Node>,
}

impl Control {
    /// Listens in the data folder, if there is one. Where that cannot be, the broker goes without, and says so.
    pub(crate) fn bind(node: &Arc<Node>) -> Option<Self> {
        let folder = node.shared.data_dir.as_ref()?.path();
        match listen(folder) {
            Ok((socket, path)) => Some(Self { socket, path, node: Arc::clone(node) }),
            Err(error) => {
                warn!(
                    folder = %folder.display(), %error,
                    "cannot listen in the data folder: no backup can be made while this broker runs"
                );
                None
            }
        }
    }

    /// Answers until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(CLIENTS_MAX));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let (node, places, stop) = (Arc::clone(&self.node), Arc::clone(&places), stop.clone());
            tokio::spawn(async move {
                let mut client = BufReader::new(stream);
                let answered = match places.try_acquire() {
                    Err(_) => refuse(&mut client, "too many ask at once: try again").await,
                    Ok(_place) => tokio::select! {
                        () = stop.cancelled() => Ok(()),
                        answered = answer(&mut client, &node) => answered,
                    },
                };
                if let Err(error) = answered {
                    debug!(%error, "a client of the control socket is gone");
                }
            });
        }
        // If it stays, nobody answers there, and the next start removes it.
        let _ = std::fs::remove_file(self.path.path());
    }
}

fn listen(folder: &std::path::Path) -> io::Result<(UnixListener, ControlPath)> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = ControlPath::of(folder)?;
    let unfinished = path.unfinished();
    // What is left of a broker that was killed.
    let _ = std::fs::remove_file(&unfinished);
    let socket = UnixListener::bind(&unfinished)?;
    // It has its name only once nobody else can use it.
    std::fs::set_permissions(&unfinished, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&unfinished, path.path())?;
    Ok((socket, path))
}

async fn answer(client: &mut BufReader<UnixStream>, node: &Node) -> io::Result<()> {
    let request = tokio::time::timeout(PATIENCE, read_line(client)).await;
    let request = request.map_err(|_| io::ErrorKind::TimedOut)??;
    match request.split_once(' ') {
        Some(("hold", purpose @ ("backup" | "check" | "dump"))) => {
            hold(client, node, purpose).await
        }
        _ => refuse(client, "this is no request that the broker knows").await,
    }
}

/// Holds the files of the log until the client is done, or gone.
async fn hold(client: &mut BufReader<UnixStream>, node: &Node, purpose: &str) -> io::Result<()> {
    let Some(journal) = node.shared.journal() else {
        return refuse(client, "this broker has no log").await;
    };
    let (snapshot, began) = (journal.snapshot(), Instant::now());
    let mut lines = String::new();
    for file in snapshot.files() {
        lines += &format!("file {} {} {}\n", file.name, file.used, file.size);
    }
    lines += "held\n";
    send(client, &lines).await?;
    debug!(purpose, bytes = snapshot.bytes(), "somebody reads the log");
    let done = tokio::time::timeout(HOLD_MAX, read_line(client)).await;
    let ms = began.elapsed().as_millis();
    let Ok(done) = done else {
        warn!(purpose, ms, "somebody reads the log for too long, and has to begin again");
        return Ok(());
    };
    match done?.split_once(' ') {
        Some(("done", bytes)) if bytes.parse::<u64>().is_ok() => {
            send(client, "ok\n").await?;
            match purpose {
                "backup" => info!(bytes, ms, "a backup was made"),
                _ => debug!(purpose, bytes, ms, "somebody has read the log"),
            }
        }
        _ if purpose == "backup" => warn!(ms, "a backup was given up"),
        _ => debug!(purpose, ms, "somebody has read a part of the log"),
    }
    Ok(())
}

/// A line without its end; what there is if the client ends before.
async fn read_line(client: &mut BufReader<UnixStream>) -> io::Result<String> {
    let mut line = String::new();
    client.take(REQUEST_BYTES_MAX).read_line(&mut line).await?;
    Ok(line.trim_end_matches('\n').to_owned())
}

async fn refuse(client: &mut BufReader<UnixStream>, why: &str) -> io::Result<()> {
    send(client, &format!("error {why}\n")).await
}

async fn send(client: &mut BufReader<UnixStream>, text: &str) -> io::Result<()> {
    let sent = tokio::time::timeout(PATIENCE, client.get_mut().write_all(text.as_bytes())).await;
    sent.map_err(|_| io::ErrorKind::TimedOut)?
}
