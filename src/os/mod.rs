//! The hands of the client: everything that touches the operating system.
//!
//! Only `crate::app` and `main` call in here. Nothing in here knows of the
//! protocol engine: these modules carry out a
//! [`Desired`](dhc6c_core::desired::Desired) state, report what happens on
//! links and sockets, and keep files. Failures are [`error::Error`]s, in the
//! words a person needs; nothing that comes from the network or the kernel
//! stops the process.
//!
//! | module | what |
//! |---|---|
//! | [`apply`] | brings the kernel and the resolver to the desired state |
//! | [`child`] | what the programs we run have in common |
//! | [`clock`] | the time, one timer, entropy |
//! | [`control`] | the control socket |
//! | [`error`] | what the system refused, why, and what to do |
//! | [`file`] | files replaced whole and read within bounds |
//! | [`icmp6`] | Router Advertisements in, Router Solicitations out |
//! | [`hook`] | programs that are told what happens |
//! | [`journal`] | which kernel objects are ours |
//! | [`link`] | what links and addresses do |
//! | [`lock`] | one process an interface |
//! | [`netlink`] | requests to the kernel, one function each |
//! | [`owner`] | which process holds a port |
//! | [`patience`] | how often a removed object is put back |
//! | [`permission`] | whether we may do what we are for |
//! | [`raw`] | system calls that no library wraps |
//! | [`resolver`] | name servers and search list, handed to the system |
//! | [`socket`] | what the sockets to a link have in common |
//! | [`store`] | the DUID and the leases on disk |
//! | [`udp`] | the socket at UDP port 546 |
//! | [`writer`] | the thread that writes to disk |

pub(crate) mod apply;
pub(crate) mod child;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod hook;
pub(crate) mod icmp6;
pub(crate) mod journal;
#[cfg(test)]
mod kernel_tests;
pub(crate) mod link;
pub(crate) mod lock;
pub(crate) mod netlink;
pub(crate) mod owner;
pub(crate) mod patience;
pub(crate) mod permission;
pub(crate) mod raw;
pub(crate) mod resolver;
pub(crate) mod socket;
pub(crate) mod store;
pub(crate) mod udp;
pub(crate) mod writer;
