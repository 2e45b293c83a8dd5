//! The server proper: datagrams in, answers out, routes kept in step.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::time;

use dhc6c_core::prefix::Prefix;
use dhc6c_core::time::{Instant, Lifetime};
use dhc6c_core::wire::dhcp4o6::{Query, Response};
use dhc6c_core::wire::{DhcpOption, Message, v4};
use socket2::{Domain, Protocol, Socket, Type};

use crate::advertise;
use crate::routes::Routes;
use crate::server::{
    ALL_DHCP_RELAY_AGENTS_AND_SERVERS, ModelServer, ServerConfig, Times, V4Config,
};

const SERVER_PORT: u16 = 547;
/// Answers go here, whatever port the question came from (RFC 9915 §7.2).
const CLIENT_PORT: u16 = 546;
/// Leases are looked at this often when nobody asks anything.
const IDLE: time::Duration = time::Duration::from_secs(1);

#[derive(clap::Args)]
pub struct Serve {
    /// Where to serve
    #[arg(value_name = "IFACE")]
    interface: String,
    /// Where addresses come from
    #[arg(long, value_name = "PREFIX", default_value = "2001:db8:1::/64")]
    pool: Prefix,
    /// Where delegated prefixes come from
    #[arg(long, value_name = "PREFIX", default_value = "2001:db8:8000::/40")]
    pd_pool: Prefix,
    /// Seconds until Renew
    #[arg(long, value_name = "S", default_value_t = 300)]
    t1: u32,
    /// Seconds until Rebind
    #[arg(long, value_name = "S", default_value_t = 480)]
    t2: u32,
    /// Seconds that leases are preferred
    #[arg(long, value_name = "S", default_value_t = 600)]
    preferred: u32,
    /// Seconds that leases are valid
    #[arg(long, value_name = "S", default_value_t = 900)]
    valid: u32,
    /// Answer Solicit with Reply where the client offers it
    #[arg(long)]
    rapid_commit: bool,
    /// Advertise ourselves as a default router
    #[arg(long)]
    ra: bool,
    /// Give IPv4 too, by DHCPv4 over DHCPv6
    #[arg(long)]
    dhcp4o6: bool,
}

pub fn run(arguments: &Serve) -> io::Result<()> {
    let index = nix::net::if_::if_nametoindex(arguments.interface.as_str())
        .map_err(|error| named(&arguments.interface, error.into()))?;
    let socket =
        open(&arguments.interface, index).map_err(|error| named(&arguments.interface, error))?;
    let mut server = ModelServer::new(config(arguments));
    let mut routes = Routes::new(&arguments.interface);
    if arguments.ra {
        advertise::start(&arguments.interface, index)?;
    }
    println!("lab-server: ready on {}, DUID {}", arguments.interface, server.config.duid);

    let start = time::Instant::now();
    let mut buffer = vec![0; 65_536];
    loop {
        let received = receive(&socket, &mut buffer)?;
        let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = Instant::from_millis(elapsed);
        server.store.expire(now);
        if let Some((length, client)) = received {
            let question = &buffer[..length];
            println!("lab-server: {} from {}", describe(question), client.ip());
            for answer in server.handle(now, *client.ip(), question) {
                println!("lab-server: {} to {}", describe(&answer.octets), answer.destination);
                let to = SocketAddrV6::new(answer.destination, CLIENT_PORT, 0, index);
                socket.send_to(&answer.octets, to)?;
            }
        }
        routes.follow(server.store.delegations());
    }
}

fn config(arguments: &Serve) -> ServerConfig {
    let resolver = arguments.pool.address().to_bits() + 0x53;
    let config = ServerConfig {
        addresses: arguments.pool,
        prefixes: Some(arguments.pd_pool),
        prefix_length: arguments.pd_pool.length().max(56),
        rapid_commit: arguments.rapid_commit,
        times: Times {
            t1: Lifetime(arguments.t1),
            t2: Lifetime(arguments.t2),
            preferred: Lifetime(arguments.preferred),
            valid: Lifetime(arguments.valid),
        },
        ..ServerConfig::number(1)
    }
    .option(DhcpOption::DnsServers(vec![resolver.into()]));
    if arguments.dhcp4o6 { config.v4(V4Config::number(1)) } else { config }
}

fn open(interface: &str, index: u32) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_only_v6(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    let any = SocketAddrV6::new(std::net::Ipv6Addr::UNSPECIFIED, SERVER_PORT, 0, 0);
    socket.bind(&any.into())?;
    socket.join_multicast_v6(&ALL_DHCP_RELAY_AGENTS_AND_SERVERS, index)?;
    socket.set_read_timeout(Some(IDLE))?;
    Ok(socket.into())
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddrV6)>> {
    match socket.recv_from(buffer) {
        Ok((length, SocketAddr::V6(client))) => Ok(Some((length, client))),
        Ok((_, SocketAddr::V4(_))) => Ok(None),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn describe(octets: &[u8]) -> String {
    let carried = Query::decode(octets).map(|query| query.v4);
    let carried = carried.or_else(|_| Response::decode(octets).map(|response| response.v4));
    if let Ok(v4) = carried.and_then(|v4| v4::Message::decode(&v4)) {
        return format!("{} {:08x} over DHCPv6", v4.message.kind, v4.message.xid);
    }
    match Message::decode(octets) {
        Ok(decoded) => format!("{} {}", decoded.message.kind, decoded.message.transaction),
        Err(reason) => format!("{} octets that are no message ({reason:?})", octets.len()),
    }
}

fn named(interface: &str, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{interface}: {error}"))
}
