//! ICMPv6 echo (RFC 4443 §4), from an address of choice.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddrV6};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(200);

#[derive(clap::Args)]
pub struct Ping {
    /// Whom to ask
    address: Ipv6Addr,
    /// Our own address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<Ipv6Addr>,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 3)]
    count: u16,
}

/// True when at least one request was answered.
pub fn run(arguments: &Ping) -> io::Result<bool> {
    let socket = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
    if let Some(from) = arguments.from {
        socket.bind(&SocketAddrV6::new(from, 0, 0, 0).into())?;
    }
    // A connected raw socket hears this one host alone.
    socket.connect(&SocketAddrV6::new(arguments.address, 0, 0, 0).into())?;
    let mut answered = 0;
    for sequence in 1..=arguments.count {
        match echo(&socket, sequence)? {
            Some(time) => {
                answered += 1;
                let milliseconds = time.as_secs_f64() * 1000.0;
                println!("{}: reply {sequence} in {milliseconds:.2} ms", arguments.address);
            }
            None => println!("{}: no reply to {sequence}", arguments.address),
        }
        thread::sleep(PAUSE);
    }
    println!("{}: {answered} of {} answered", arguments.address, arguments.count);
    Ok(answered > 0)
}

/// How long one answer took.
fn echo(mut socket: &Socket, sequence: u16) -> io::Result<Option<Duration>> {
    let tag = [std::process::id().to_be_bytes(), u32::from(sequence).to_be_bytes()].concat();
    let (identifier, number) = (&tag[2..4], &tag[6..8]);
    // The kernel fills in the checksum.
    let request = [&[ECHO_REQUEST, 0, 0, 0], identifier, number, b"dhc6c lab"].concat();
    let start = Instant::now();
    if let Err(error) = socket.write_all(&request) {
        eprintln!("lab-server: {error}");
        return Ok(None);
    }
    let mut buffer = [0; 1500];
    loop {
        let left = PATIENCE.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.read(&mut buffer) {
            Ok(length) if is_reply(&buffer[..length], identifier, number) => {
                return Ok(Some(start.elapsed()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // An ICMPv6 error about our request comes out here.
            Err(error) => {
                eprintln!("lab-server: {error}");
                return Ok(None);
            }
        }
    }
}

fn is_reply(message: &[u8], identifier: &[u8], number: &[u8]) -> bool {
    message.first() == Some(&ECHO_REPLY)
        && message.get(4..6) == Some(identifier)
        && message.get(6..8) == Some(number)
}
