//! The corpus of the fuzz targets, without a fuzzer: the seeds, and every
//! input that a fuzzer found something with.

use std::fs;
use std::path::Path;

use crate::checks;

/// Runs a check on every file of its corpus.
fn all(target: &str, check: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&directory).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let octets = fs::read(&path).expect("a seed");
        let outcome = std::panic::catch_unwind(|| check(&octets));
        assert!(outcome.is_ok(), "{}", path.display());
        count += 1;
    }
    assert!(count >= 20, "{count} seeds in {}", directory.display());
}

#[test]
fn the_decoder_takes_its_corpus() {
    all("decoder", checks::decoder::check);
}

#[test]
fn a_client_that_follows_routers_takes_its_corpus() {
    all("router", checks::router::check);
}

#[test]
fn a_client_in_any_state_takes_its_corpus() {
    all("engine", checks::engine::check);
}

#[test]
fn a_client_in_any_state_of_dhcpv4_takes_its_corpus() {
    all("ipv4", checks::ipv4::check);
}

#[test]
fn a_client_goes_on_with_any_lease_file_of_the_corpus() {
    all("lease", checks::lease::check);
}

#[test]
fn the_control_socket_takes_its_corpus() {
    all("control", checks::control::check);
}
