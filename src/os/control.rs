//! The control socket of one interface: `RUN/<iface>.sock`, mode 0660, group
//! `dhc6c` where that exists. Newline-delimited JSON: one request, then
//! replies or a stream.
//!
//! This module carries lines; what a command means, and what the answer is,
//! the caller knows.

mod request;

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dhc6c_core::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

pub(crate) use request::{Command, Request};

use super::clock::{self, Timer};
use super::error::Error;

/// Those who may talk to us beside root.
const GROUP: &str = "dhc6c";
/// Where it has its number.
const GROUPS: &str = "/etc/group";
/// The most connections that ask at once; more wait.
const MOST_ASKING: usize = 32;
/// The most that follow what happens or wait for something, which may take
/// long; more are refused, so that orders always get through.
const MOST_FOLLOWING: usize = 32;
/// How long a connection may take to ask, and to read the rest of what was
/// said when there is no more to come.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long nobody is let in after the system refused to.
const REST: Duration = Duration::from_secs(1);
/// How many lines may wait for a reader before it is let go.
const LINES_AHEAD: usize = 256;

/// A request with the way back to whoever asked. Dropping it ends the
/// connection after what was sent, or soon if that is not read.
pub(crate) struct Asked {
    pub(crate) command: Command,
    replies: mpsc::Sender<String>,
    /// Its end reaches a connection that is busy writing.
    _held: oneshot::Sender<()>,
}

impl Asked {
    /// Sends one line; false when nobody reads any more, or too slowly.
    pub(crate) fn reply(&self, line: String) -> bool {
        self.replies.try_send(line).is_ok()
    }
}

/// The listening socket. Dropping it drops the connections and removes the
/// file.
pub(crate) struct Control {
    file: SocketFile,
    listener: UnixListener,
    requests: mpsc::Receiver<Asked>,
    sender: mpsc::Sender<Asked>,
    connections: JoinSet<()>,
    places: Places,
    patience: Duration,
    /// Runs while nobody is let in.
    rest: Timer,
    is_resting: bool,
}

/// The socket's path for an interface.
pub(crate) fn path(run_directory: &Path, interface: &str) -> PathBuf {
    run_directory.join(format!("{interface}.sock"))
}

/// The number of a group. The file is read instead of asking the C library:
/// that loads the name services of the machine, walks through directories for
/// longer than the rest of a start takes, and may wait for a network that we
/// are to bring up.
fn number_of(group: &str, groups: &str) -> Option<u32> {
    let mut entries = groups.lines().map(|line| line.split(':'));
    entries.find_map(|mut entry| (entry.next()? == group).then(|| entry.nth(1)?.parse().ok())?)
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
        let file = SocketFile::at(&path).map_err(failed)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
        let groups = std::fs::read_to_string(GROUPS).unwrap_or_default();
        if let Some(group) = number_of(GROUP, &groups) {
            // Without the right to give it away it stays root's.
            let _ = std::os::unix::fs::chown(&path, None, Some(group));
        }
        let (sender, requests) = mpsc::channel(MOST_ASKING + MOST_FOLLOWING);
        let places = Places {
            asking: Arc::new(Semaphore::new(MOST_ASKING)),
            following: Arc::new(Semaphore::new(MOST_FOLLOWING)),
        };
        let connections = JoinSet::new();
        let (patience, rest, is_resting) = (PATIENCE, Timer::new()?, false);
        Ok(Self {
            file,
            listener,
            requests,
            sender,
            connections,
            places,
            patience,
            rest,
            is_resting,
        })
    }

    /// Waits for the next request. Dropping the wait loses nothing.
    pub(crate) async fn next(&mut self) -> Asked {
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if self.lets_in() => match accepted {
                    Ok((stream, _)) => self.serve(stream),
                    // Out of descriptors, say. Whoever waits is still there
                    // then; to try at once would be to try without end.
                    Err(error) => {
                        tracing::debug!("control socket: {error}");
                        self.rest.set(Some(clock::now() + REST));
                        self.is_resting = true;
                    }
                },
                () = self.rest.expired(), if self.is_resting => self.is_resting = false,
                Some(asked) = self.requests.recv() => return asked,
                // Connections that ended are cleared away.
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn lets_in(&self) -> bool {
        !self.is_resting && self.places.asking.available_permits() > 0
    }

    /// Removes the socket's file, so that the next process can make its own;
    /// open connections stay.
    pub(crate) fn hide(&self) {
        self.file.remove();
    }

    /// Removes the socket and waits until open connections have sent what
    /// there was to send. Those that asked nothing end at once.
    pub(crate) async fn close(self) {
        let Self { file, listener, mut connections, requests, .. } = self;
        drop((file, listener));
        // Connections that wait for a request see this.
        drop(requests);
        while connections.join_next().await.is_some() {}
    }

    fn serve(&mut self, stream: UnixStream) {
        let (requests, places) = (self.sender.clone(), self.places.clone());
        let patience = self.patience;
        // There is one, or nobody would have been let in.
        let Ok(place) = Arc::clone(&places.asking).try_acquire_owned() else { return };
        self.connections.spawn(async move {
            // Whoever hangs up early has what they wanted.
            let _ = serve(stream, requests, (places, place), patience).await;
        });
    }
}

/// How many connections there may be, of those that ask and of those that stay.
#[derive(Clone)]
struct Places {
    asking: Arc<Semaphore>,
    following: Arc<Semaphore>,
}

impl Places {
    /// The place for a request in exchange for the one of whoever asked it;
    /// none where too many follow already.
    fn exchange(
        &self,
        command: Command,
        place: OwnedSemaphorePermit,
    ) -> Option<OwnedSemaphorePermit> {
        match command {
            Command::Watch | Command::Wait => Arc::clone(&self.following).try_acquire_owned().ok(),
            _ => Some(place),
        }
    }
}

/// Reads one request and writes what the caller replies.
async fn serve(
    stream: UnixStream,
    requests: mpsc::Sender<Asked>,
    (places, place): (Places, OwnedSemaphorePermit),
    patience: Duration,
) -> io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let mut timer = Timer::new().map_err(io::Error::other)?;
    timer.set(Some(clock::now() + patience));
    let request = tokio::select! {
        request = read_request(&mut reader) => request?,
        // A slot is for those who ask; nobody answers after the end.
        () = timer.expired() => return Ok(()),
        () = requests.closed() => return Ok(()),
    };
    let command = match request {
        Ok(Request { command }) => command,
        Err(why) => {
            let reply = serde_json::json!({ "error": why });
            return write_line(&mut writer, &reply.to_string()).await;
        }
    };
    let Some(_place) = places.exchange(command, place) else {
        let reply = serde_json::json!({ "error": "too many watch or wait already" });
        return write_line(&mut writer, &reply.to_string()).await;
    };
    let (replies, mut lines) = mpsc::channel(LINES_AHEAD);
    let (held, dropped) = oneshot::channel();
    if requests.send(Asked { command, replies, _held: held }).await.is_err() {
        return Ok(());
    }
    let overdue = async {
        // Nothing is ever sent here; the end of the sender is the signal.
        let _ = dropped.await;
        timer.set(Some(clock::now() + patience));
        timer.expired().await;
    };
    tokio::select! {
        written = answer(command, &mut lines, &mut reader, &mut writer) => written,
        // Whoever does not read gives the slot back.
        () = overdue => Ok(()),
    }
}

/// The request, or why it is none.
async fn read_request(reader: &mut OwnedReadHalf) -> io::Result<Result<Request, String>> {
    let mut line = Vec::new();
    // One octet more than is allowed tells a line that is too long.
    BufReader::new(reader.take(request::LONGEST + 1)).read_until(b'\n', &mut line).await?;
    Ok(Request::read(&line))
}

/// Writes what is replied until there is no more or the other side is gone.
async fn answer(
    command: Command,
    lines: &mut mpsc::Receiver<String>,
    reader: &mut OwnedReadHalf,
    writer: &mut OwnedWriteHalf,
) -> io::Result<()> {
    let mut rest = [0; 64];
    let mut reads = true;
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => write_line(writer, &line).await?,
                None => return Ok(()),
            },
            read = reader.read(&mut rest), if reads => if read? == 0 {
                // A stream or a long wait ends here, or it would hold its slot until the
                // next event. For one answer the other side may still wait
                // that has closed its writing half alone.
                if matches!(command, Command::Watch | Command::Wait) {
                    return Ok(());
                }
                reads = false;
            },
        }
    }
}

async fn write_line(writer: &mut OwnedWriteHalf, line: &str) -> io::Result<()> {
    writer.write_all(format!("{line}\n").as_bytes()).await
}

/// The socket's file; dropping it removes the file, if it is still ours. Goes
/// before the listener, which keeps its inode from being given to another.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketFile {
    /// Takes charge of the file that has just been made.
    fn at(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }

    fn remove(&self) {
        if identity(&self.path).is_ok_and(|there| there == self.identity) {
            // Gone already is as good.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::file::TestDirectory;

    /// No test waits longer than this for what is to end by itself.
    const SHORT: Duration = Duration::from_millis(50);

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
    }

    #[test]
    fn a_group_has_the_number_of_its_line() {
        let groups = "root:x:0:\ndhc6c-old:x:7:\n\ndhc6c:x:997:alice,bob\nlast:x:8:";
        assert_eq!(number_of("dhc6c", groups), Some(997));
        assert_eq!(number_of("last", groups), Some(8));
        for none in ["", "dhc6c", "dhc6c:x", "dhc6c:x:many:", "x:dhc6c:1:"] {
            assert_eq!(number_of("dhc6c", none), None, "{none}");
        }
    }

    fn open(directory: &TestDirectory, patience: Duration) -> Control {
        let mut control = Control::open(directory.path(), "eth0").unwrap();
        control.patience = patience;
        control
    }

    async fn connect(directory: &TestDirectory) -> UnixStream {
        UnixStream::connect(path(directory.path(), "eth0")).await.unwrap()
    }

    async fn ask(directory: &TestDirectory, request: &[u8]) -> UnixStream {
        let mut stream = connect(directory).await;
        stream.write_all(request).await.unwrap();
        stream
    }

    async fn read_all(mut stream: UnixStream) -> String {
        let mut octets = Vec::new();
        // Ours may close with octets unread, which the end then reports.
        let _ = stream.read_to_end(&mut octets).await;
        String::from_utf8(octets).unwrap()
    }

    /// What another process reads while the control socket is served and
    /// nothing is asked.
    async fn served<T>(control: &mut Control, other: impl Future<Output = T>) -> T {
        tokio::select! {
            value = other => value,
            asked = control.next() => panic!("{:?} was asked", asked.command),
        }
    }

    /// Serves until no connection is left.
    async fn serve_until_empty(control: &mut Control) {
        while !control.connections.is_empty() {
            control.connections.join_next().await;
        }
    }

    #[test]
    fn a_request_is_answered_and_the_connection_ends() {
        run(async {
            let directory = TestDirectory::new();
            let mut control = open(&directory, PATIENCE);
            let mut stream = ask(&directory, b"{\"command\":\"status\"}\n").await;
            stream.shutdown().await.unwrap();
            let asked = control.next().await;
            assert_eq!(asked.command, Command::Status);
            assert!(asked.reply("{}".to_owned()));
            drop(asked);
            assert_eq!(served(&mut control, read_all(stream)).await, "{}\n");
        });
    }

    #[test]
    fn idle_connections_beyond_the_limit_shut_nobody_out_for_long() {
        run(async {
            let directory = TestDirectory::new();
            let mut control = open(&directory, SHORT);
            let mut idle = Vec::new();
            for _ in 0..MOST_ASKING + 8 {
                idle.push(connect(&directory).await);
            }
            // One that goes on for ever without an end of line is idle too.
            idle.push(ask(&directory, b"{\"command\"").await);
            let _stream = ask(&directory, b"{\"command\":\"stop\"}\n").await;
            assert_eq!(control.next().await.command, Command::Stop);
        });
    }

    #[test]
    fn those_who_wait_leave_room_for_orders_and_too_many_are_refused() {
        run(async {
            let directory = TestDirectory::new();
            let mut control = open(&directory, PATIENCE);
            let mut waiting = Vec::new();
            for _ in 0..MOST_FOLLOWING {
                let stream = ask(&directory, b"{\"command\":\"wait\"}\n").await;
                waiting.push((stream, control.next().await));
            }
            let stream = ask(&directory, b"{\"command\":\"wait\"}\n").await;
            let reply = served(&mut control, read_all(stream)).await;
            assert!(reply.contains("too many"), "{reply}");
            let _stream = ask(&directory, b"{\"command\":\"stop\"}\n").await;
            assert_eq!(control.next().await.command, Command::Stop);
        });
    }

    #[test]
    fn what_is_no_request_gets_an_error_line() {
        run(async {
            let directory = TestDirectory::new();
            let mut control = open(&directory, PATIENCE);
            let long = [b'x'; 5000];
            let fitting = [&[b' '; 4095][..], b"\n"].concat();
            for (request, why) in [
                (&b"garbage\n"[..], "expected value"),
                (b"\xff\xfe\n", "expected value"),
                (b"{\"command\":\"sing\"}\n", "unknown variant"),
                (&fitting, "EOF"),
                (&long, "longer than 4096 octets"),
            ] {
                let stream = ask(&directory, request).await;
                let reply = served(&mut control, read_all(stream)).await;
                let reply: serde_json::Value = serde_json::from_str(&reply).unwrap();
                assert!(reply["error"].as_str().unwrap().contains(why), "{reply}");
            }
        });
    }

    #[test]
    fn a_watcher_that_stops_reading_is_let_go() {
        run(async {
            let directory = TestDirectory::new();
            let mut control = open(&directory, SHORT);
            let _stuck = ask(&directory, b"{\"command\":\"watch\"}\n").await;
            let asked = control.next().await;
            let line = "x".repeat(1 << 12);
            while asked.reply(line.clone()) {
                tokio::task::yield_now().await;
            }
            assert_eq!(control.connections.len(), 1);
            drop(asked);
            serve_until_empty(&mut control).await;
        });
    }

    #[test]
    fn a_watcher_that_hangs_up_gives_its_slot_back_before_the_next_event() {
        run(async {
            let directory = TestDirectory::new();
            let mut control = open(&directory, PATIENCE);
            let stream = ask(&directory, b"{\"command\":\"watch\"}\n").await;
            let asked = control.next().await;
            drop(stream);
            serve_until_empty(&mut control).await;
            assert!(!asked.reply("{}".to_owned()));
        });
    }

    #[test]
    fn the_end_waits_for_answers_and_not_for_those_who_asked_nothing() {
        run(async {
            let directory = TestDirectory::new();
            // Longer than any test may take.
            let mut control = open(&directory, Duration::from_secs(1000));
            let idle = connect(&directory).await;
            let stream = ask(&directory, b"{\"command\":\"stop\"}\n").await;
            let asked = control.next().await;
            let closing = async {
                assert!(asked.reply("done".to_owned()));
                drop(asked);
                control.close().await;
            };
            let ((), answer, silence) = tokio::join!(closing, read_all(stream), read_all(idle));
            assert_eq!((&*answer, &*silence), ("done\n", ""));
            assert!(!path(directory.path(), "eth0").exists());
        });
    }

    #[test]
    fn the_file_goes_with_the_socket_unless_it_is_another_s() {
        run(async {
            let directory = TestDirectory::new();
            let path = path(directory.path(), "eth0");
            drop(open(&directory, PATIENCE));
            assert!(!path.exists());
            let first = open(&directory, PATIENCE);
            let second = open(&directory, PATIENCE);
            drop(first);
            assert!(path.exists());
            drop(second);
            assert!(!path.exists());
        });
    }
}
