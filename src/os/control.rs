//! The control socket of one interface: `RUN/<iface>.sock`, mode 0660, group
//! `dhc6c` where that exists. Newline-delimited JSON: one request, then
//! replies or a stream.
//!
//! This module carries lines; what a command means, and what the answer is,
//! the caller knows.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::Error;

/// The longest request.
const LONGEST_REQUEST: u64 = 4096;
/// The most connections at once; more wait.
const MOST_CONNECTIONS: usize = 32;
/// How many lines may wait for a reader before it is let go.
const LINES_AHEAD: usize = 256;

/// What another process may ask of a running client.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Command {
    /// The status object, once.
    Status,
    /// A line for each event, until either side ends.
    Watch,
    /// Stop this interface; answered when it has stopped.
    Stop,
}

/// A request as it stands on the line.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Request {
    /// What is asked.
    pub(crate) command: Command,
}

/// A request with the way back to whoever asked. Dropping it ends the
/// connection after what was sent.
pub(crate) struct Asked {
    pub(crate) command: Command,
    replies: mpsc::Sender<String>,
}

impl Asked {
    /// Sends one line; false when nobody reads any more, or too slowly.
    pub(crate) fn reply(&self, line: String) -> bool {
        self.replies.try_send(line).is_ok()
    }
}

/// The listening socket.
pub(crate) struct Control {
    path: PathBuf,
    listener: UnixListener,
    requests: mpsc::Receiver<Asked>,
    sender: mpsc::Sender<Asked>,
    connections: JoinSet<()>,
}

/// The socket's path for an interface.
pub(crate) fn path(run_directory: &Path, interface: &str) -> PathBuf {
    run_directory.join(format!("{interface}.sock"))
}

impl Control {
    /// Listens. The caller holds the interface's lock, so a socket that is
    /// there already belongs to nobody.
    pub(crate) fn open(run_directory: &Path, interface: &str) -> Result<Self, Error> {
        let path = path(run_directory, interface);
        let failed =
            |error: io::Error| Error::new(format!("cannot listen at {}", path.display()), error);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
        if let Ok(Some(group)) = nix::unistd::Group::from_name("dhc6c") {
            // Without the right to give it away it stays root's.
            let _ = nix::unistd::chown(&path, None, Some(group.gid));
        }
        let (sender, requests) = mpsc::channel(MOST_CONNECTIONS);
        Ok(Self { path, listener, requests, sender, connections: JoinSet::new() })
    }

    /// Waits for the next request. Dropping the wait loses nothing.
    pub(crate) async fn next(&mut self) -> Asked {
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if self.connections.len() < MOST_CONNECTIONS => match accepted {
                    Ok((stream, _)) => self.serve(stream),
                    // Out of descriptors, say: whoever asks will ask again.
                    Err(error) => tracing::debug!("control socket: {error}"),
                },
                Some(asked) = self.requests.recv() => return asked,
                // Connections that ended are cleared away.
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    /// Removes the socket and waits until open connections have sent what
    /// there was to send.
    pub(crate) async fn close(self) {
        let Self { path, mut connections, requests, sender, .. } = self;
        let _ = std::fs::remove_file(&path);
        drop((requests, sender));
        while connections.join_next().await.is_some() {}
    }

    fn serve(&mut self, stream: UnixStream) {
        let requests = self.sender.clone();
        self.connections.spawn(async move {
            // Whoever hangs up early has what they wanted.
            let _ = serve(stream, requests).await;
        });
    }
}

/// Reads one request and writes what the caller replies.
async fn serve(stream: UnixStream, requests: mpsc::Sender<Asked>) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(LONGEST_REQUEST));
    reader.read_line(&mut line).await?;
    let request: Request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            let reply = serde_json::json!({ "error": error.to_string() });
            return writer.write_all(format!("{reply}\n").as_bytes()).await;
        }
    };
    let (replies, mut lines) = mpsc::channel(LINES_AHEAD);
    if requests.send(Asked { command: request.command, replies }).await.is_err() {
        return Ok(());
    }
    let mut rest = [0; 64];
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => writer.write_all(format!("{line}\n").as_bytes()).await?,
                None => return Ok(()),
            },
            // The other side is gone: so is its stream of events.
            read = reader.get_mut().get_mut().read(&mut rest) => if read? == 0 {
                return drain(&mut lines, &mut writer).await;
            },
        }
    }
}

/// A client that closed its writing half still reads the answer; a stream
/// ends here.
async fn drain(
    lines: &mut mpsc::Receiver<String>,
    writer: &mut tokio::net::unix::OwnedWriteHalf,
) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        writer.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}
