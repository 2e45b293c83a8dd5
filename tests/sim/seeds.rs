//! One scenario over many seeds.

/// Runs a scenario with the seeds from 0 to `count`. `SEEDS=n` in the
/// environment sets another count, `SEED=n` runs that seed alone.
pub fn over_seeds<Scenario: Fn(u64)>(count: u64, scenario: Scenario) {
    let seeds = match number("SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SEEDS").unwrap_or(count),
    };
    for seed in seeds {
        let _replay = Replay { seed, scenario: core::any::type_name::<Scenario>() };
        scenario(seed);
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Says how to see a failure again.
struct Replay {
    seed: u64,
    scenario: &'static str,
}

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // "sim::renew::name_of_the_test::{{closure}}"
            let path = self.scenario.trim_end_matches("::{{closure}}");
            let name = path.split_once("::").map_or(path, |(_, name)| name);
            let seed = self.seed;
            eprintln!("seed {seed}; again: SEED={seed} cargo test --test sim {name}");
        }
    }
}
