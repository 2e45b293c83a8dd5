//! How the binary is linked: as small as the linker and the loader of this
//! machine allow.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const FLAGS: [&str; 2] = [
    // A program that may be loaded anywhere has a relocation of 24 octets for
    // each pointer in its tables, 74 kB in all. Packed they take 1 kB. glibc
    // knows them since 2.36, musl since 1.2.4.
    "-Wl,-z,pack-relative-relocs",
    // Functions of different types that come out as the same code stand there
    // once. Only lld can do that.
    "-Wl,--icf=all",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // What is built for another machine cannot be tried on this one.
    if variable("HOST") == variable("TARGET") {
        for flag in FLAGS.into_iter().filter(|flag| works(flag).unwrap_or(false)) {
            println!("cargo::rustc-link-arg-bins={flag}");
        }
    }
}

/// True where a program that is linked with this flag runs.
fn works(flag: &str) -> Option<bool> {
    let directory = PathBuf::from(variable("OUT_DIR"));
    let (source, program) = (directory.join("trial.rs"), directory.join("trial"));
    std::fs::write(&source, "fn main() {}\n").ok()?;
    let mut compiler = Command::new(variable("RUSTC"));
    compiler.arg(&source).arg("-o").arg(&program).arg("-C").arg(format!("link-arg={flag}"));
    let linker = variable("RUSTC_LINKER");
    if !linker.is_empty() {
        compiler.arg("-C").arg(format!("linker={linker}"));
    }
    let output = compiler.output().ok()?;
    // An unknown flag may be no more than a warning.
    let is_linked = output.status.success() && output.stderr.is_empty();
    Some(is_linked && Command::new(program).status().ok()?.success())
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
