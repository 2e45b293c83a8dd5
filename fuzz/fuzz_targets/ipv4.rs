#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| dhc6c_fuzz::checks::ipv4::check(octets));
