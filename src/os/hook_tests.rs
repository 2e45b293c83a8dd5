use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::os::file::TestDirectory;

const AMPLE: Duration = Duration::from_secs(20);

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
}

/// A directory with one hook of these lines; `$OUT` is a file beside it.
struct Lab {
    directory: TestDirectory,
}

impl Lab {
    fn new(lines: &str) -> Self {
        let lab = Self { directory: TestDirectory::new() };
        std::fs::create_dir(lab.hooks()).unwrap();
        lab.hook("hook", lines);
        lab
    }

    fn hooks(&self) -> PathBuf {
        self.directory.path().join("hooks.d")
    }

    fn out(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    fn hook(&self, name: &str, lines: &str) -> PathBuf {
        let path = self.hooks().join(name);
        let text = format!("#!/bin/sh\nOUT={}\n{lines}\n", self.out().display());
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn start(&self, limit: Duration) -> Hooks {
        let selection = Selection { directory: self.hooks(), listed: Vec::new(), limit };
        Hooks::new(selection)
    }

    fn read(&self) -> String {
        std::fs::read_to_string(self.out()).unwrap_or_default()
    }
}

fn snapshot() -> Snapshot {
    let text = r#"{"name":"eth0","ifindex":2,"state":"idle","ready":false,"mode":"stateful",
        "duid":"00030001021122334455","iaid":1,"server":null,"addresses":[],"prefixes":[],
        "timers":null,"options":{"dns":[],"domains":[],"ntp":[],"sntp":[],"aftr":null,
        "captive_portal":null,"raw":{}},"dhcp4o6":null,"softwire":null,
        "counters":{"sent":{},"received":{},"dropped":{}},"last_error":null}"#;
    serde_json::from_str(text).unwrap()
}

fn fire(hooks: &Hooks, event: &'static str) {
    hooks.fire(event, &snapshot(), Vec::new());
}

#[test]
fn hooks_get_arguments_environment_and_the_status_as_input() {
    let lab = Lab::new("{ echo \"$@\"; env | sort; cat; } > $OUT");
    run(async {
        let hooks = lab.start(AMPLE);
        let besides = vec![("DHC6C_NEW_PREFIX", "2001:db8::/56\nX=1".to_owned())];
        hooks.fire("bound", &snapshot(), besides);
        hooks.finish(Some(AMPLE)).await;
    });
    let text = lab.read();
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(first, "eth0 bound");
    let variables: Vec<_> = rest.lines().filter(|line| !line.starts_with('{')).collect();
    // The shell adds two of its own.
    let strange = variables.iter().find(|line| {
        let name = line.split('=').next().unwrap();
        !(name.starts_with("DHC6C_") || ["PATH", "PWD", "_", "OLDPWD", "SHLVL"].contains(&name))
    });
    assert_eq!(strange, None);
    for expected in [
        "DHC6C_EVENT=bound",
        "DHC6C_NAME=eth0",
        "DHC6C_STATE=idle",
        "PWD=/",
        "DHC6C_NEW_PREFIX=2001:db8::/56?X=1",
        "DHC6C_MODE=stateful",
        "DHC6C_ADDRESSES=",
    ] {
        assert!(variables.contains(&expected), "{expected} in {variables:?}");
    }
    let json = rest.lines().find(|line| line.starts_with('{')).unwrap();
    let status: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(status, serde_json::to_value(snapshot()).unwrap());
}

#[test]
fn an_environment_of_any_size_keeps_no_hook_from_running() {
    // 64 prefixes, and options of together more than 128 KiB of text, one of
    // which is longer than a variable can be.
    let mut status = serde_json::to_value(snapshot()).unwrap();
    let prefix = |number: u32| {
        serde_json::json!({ "prefix": format!("2001:db8:{number:x}::/48"), "iaid": number,
            "preferred": 30, "valid": 60, "excluded": null, "assignments": [] })
    };
    status["prefixes"] = (1..=64).map(prefix).collect();
    let long = ["00".repeat(40_000)];
    status["options"]["raw"] = serde_json::json!({
        "17": long, "65000": long, "65001": ["11".repeat(66_000)]
    });
    let snapshot: Snapshot = serde_json::from_value(status).unwrap();
    let lab = Lab::new(
        "{ echo $DHC6C_PREFIXES | wc -w; env | wc -c; echo \"x${DHC6C_OPTIONS_RAW_65001}\"
         grep -c 65001; } > $OUT",
    );
    run(async {
        let hooks = lab.start(AMPLE);
        hooks.fire("bound", &snapshot, Vec::new());
        hooks.finish(Some(AMPLE)).await;
    });
    let said = lab.read();
    let said: Vec<_> = said.split_whitespace().collect();
    assert!(said[1].parse::<usize>().unwrap() > 128 * 1024, "{said:?}");
    assert_eq!((said[0], said[2], said[3]), ("64", "x", "1"), "the input has all of it");
}

#[test]
fn what_lasts_is_never_left_out_and_the_order_stays() {
    let lab = Lab::new("echo $2 >> $OUT");
    run(async {
        let hooks = lab.start(AMPLE);
        for event in [
            "started",
            "bound",
            "updated",
            "updated",
            "informed",
            "updated",
            "unbound",
            "bound",
            "prefix-replaced",
            "informed",
            "unbound",
            "stopped",
        ] {
            fire(&hooks, event);
        }
        hooks.finish(Some(AMPLE)).await;
    });
    let text = lab.read();
    let lasting: Vec<_> = text.lines().filter(|event| LASTING.contains(event)).collect();
    assert_eq!(
        lasting,
        ["started", "bound", "unbound", "bound", "prefix-replaced", "unbound", "stopped"]
    );
    assert_eq!(text.lines().last(), Some("stopped"));
    let updates = text.lines().filter(|event| *event == "updated").count();
    assert!((1..=3).contains(&updates), "{text}");
}

#[test]
fn the_latest_state_is_told_of_what_is_coalesced() {
    let lab = Lab::new("echo $2 $DHC6C_N >> $OUT");
    run(async {
        let hooks = lab.start(AMPLE);
        for number in 0..500 {
            hooks.fire("updated", &snapshot(), vec![("DHC6C_N", number.to_string())]);
        }
        hooks.finish(Some(AMPLE)).await;
    });
    let text = lab.read();
    assert_eq!(text.lines().last(), Some("updated 499"));
    assert!(text.lines().count() < 500, "{}", text.lines().count());
}

#[test]
fn a_hook_that_hangs_is_ended_with_its_children_and_the_next_one_runs() {
    let lab = Lab::new(
        "trap '' TERM; if [ $2 = bound ]; then sleep 600 & echo $! > $OUT; wait; sleep 600; fi; echo $2 >> $OUT",
    );
    run(async {
        let hooks = lab.start(Duration::from_millis(200));
        fire(&hooks, "bound");
        fire(&hooks, "unbound");
        hooks.finish(Some(AMPLE)).await;
    });
    let text = lab.read();
    let (child, events) = text.split_once('\n').unwrap();
    assert_eq!(events, "unbound\n");
    // A zombie of nobody's is dead too; one that was killed dies when it runs next.
    let is_gone = || {
        let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z")
    };
    let start = std::time::Instant::now();
    while !is_gone() {
        assert!(start.elapsed().as_secs() < 60, "the hook's child lives on");
        std::thread::yield_now();
    }
}

#[test]
fn hooks_that_fail_flood_or_leave_children_hold_up_nothing() {
    let lab = Lab::new("exit 3");
    lab.hook("i-flood", "yes 2>/dev/null | head -c 3000000; echo flooded >> $OUT");
    lab.hook("j-fork", "sleep 600 & echo forked >> $OUT; echo $! >> $OUT");
    lab.hook("k-missing", "exec /nonexistent/program");
    lab.hook("l-last", "echo $2 >> $OUT");
    run(async {
        let hooks = lab.start(AMPLE);
        fire(&hooks, "bound");
        hooks.finish(Some(AMPLE)).await;
    });
    let text = lab.read();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines[1], lines[3]), ("flooded", "forked", "bound"));
    let child = nix::unistd::Pid::from_raw(lines[2].parse().unwrap());
    nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn x_05_a_thousand_hooks_that_end_at_once_are_all_run_and_waited_for() {
    let lab = Lab::new("echo >> $OUT");
    for _ in 0..20 {
        run(async {
            let hooks = lab.start(AMPLE);
            (0..50).for_each(|_| fire(&hooks, "bound"));
            hooks.finish(Some(AMPLE)).await;
        });
    }
    assert_eq!(lab.read().lines().count(), 1000);
    // A child of ours that nobody waited for would still be there.
    let children = format!("/proc/self/task/{}/children", nix::unistd::gettid());
    assert_eq!(std::fs::read_to_string(children).unwrap_or_default().trim(), "");
}

#[test]
fn a_hook_has_no_descriptor_of_ours() {
    let lab = Lab::new("ls -l /proc/self/fd > $OUT");
    let secret = lab.directory.path().join("secret");
    let open = std::fs::File::create(&secret).unwrap();
    run(async {
        let hooks = lab.start(AMPLE);
        fire(&hooks, "bound");
        hooks.finish(Some(AMPLE)).await;
    });
    drop(open);
    let text = lab.read();
    assert!(text.contains("memfd:dhc6c-status"), "{text}");
    for ours in ["secret", "eventpoll", "eventfd", "timerfd"] {
        assert!(!text.contains(ours), "{ours} in {text}");
    }
}

#[test]
fn awaited_hooks_have_begun_once_they_run_or_there_are_none() {
    let lab = Lab::new("sleep 600");
    run(async {
        let hooks = lab.start(AMPLE);
        assert!(hooks.have_begun());
        fire(&hooks, "bound");
        fire(&hooks, "informed");
        fire(&hooks, "informed");
        assert!(!hooks.have_begun());
        hooks.begun().await;
        assert!(!hooks.have_begun(), "the second event waits for the first");
        hooks.finish(Some(Duration::from_millis(50))).await;
        std::fs::remove_file(lab.hooks().join("hook")).unwrap();
        let hooks = lab.start(AMPLE);
        fire(&hooks, "informed");
        hooks.begun().await;
        assert!(hooks.have_begun());
    });
}

#[test]
fn an_end_waits_no_longer_than_it_may_and_kills_the_rest() {
    let lab = Lab::new("echo $$ > $OUT; exec sleep 600");
    run(async {
        let hooks = lab.start(AMPLE);
        fire(&hooks, "bound");
        while lab.read().is_empty() {
            let _ = within(Duration::from_millis(5), std::future::pending::<()>()).await;
        }
        hooks.finish(Some(Duration::from_millis(50))).await;
    });
    let state = format!("/proc/{}/stat", lab.read().trim());
    // The signal is on its way; a test that never ends has failed.
    while std::fs::read_to_string(&state).is_ok_and(|state| !state.contains(") Z")) {
        std::thread::yield_now();
    }
}

#[test]
fn programs_that_others_could_have_made_are_not_run() {
    let lab = Lab::new("true");
    lab.hook("b", "true");
    lab.hook("with.dot", "true");
    lab.hook("with space", "true");
    let writable = lab.hook("writable", "true");
    std::fs::set_permissions(&writable, std::fs::Permissions::from_mode(0o777)).unwrap();
    let plain = lab.hook("plain", "true");
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::create_dir(lab.hooks().join("directory")).unwrap();
    let (run, refused) = scan(&lab.hooks());
    let names = |paths: Vec<&PathBuf>| {
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        paths.into_iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names(run.iter().collect()), ["b", "hook"]);
    assert_eq!(
        names(refused.iter().map(|(path, _)| path).collect()),
        ["directory", "plain", "with space", "with.dot", "writable"]
    );
    assert_eq!(scan(Path::new("/nonexistent")).0.len(), 0);
}

fn call(event: &'static str, unbegun: &Arc<Unbegun>) -> Call {
    let selection =
        Selection { directory: "/nonexistent".into(), listed: Vec::new(), limit: AMPLE };
    Call {
        event,
        snapshot: snapshot(),
        besides: Vec::new(),
        selection: Arc::new(selection),
        awaited: AWAITED.contains(&event).then(|| Awaited::new(unbegun)),
    }
}

/// Input: more events than may wait; among them one that the next status makes up for, one that
/// only says that something happened, and bindings that come and go.
/// Expected: they are given up in this order; never an end without its binding or a binding
/// whose end is still to be told; nobody waits for a `bound` that was given up.
#[test]
fn too_many_events_give_up_what_counts_least_and_wait_for_none_of_it() {
    let (unbegun, mut queue) = (Arc::default(), VecDeque::new());
    let has = |queue: &VecDeque<Call>, event| queue.iter().any(|call| call.event == event);
    for event in ["started", "informed", "prefix-replaced"] {
        enqueue(&mut queue, call(event, &unbegun));
    }
    while queue.len() < LONGEST_QUEUE {
        let event = if queue.len() % 2 == 1 { "bound" } else { "unbound" };
        enqueue(&mut queue, call(event, &unbegun));
    }
    let awaited = || unbegun.count.load(Ordering::Relaxed);
    let before = awaited();
    enqueue(&mut queue, call("unbound", &unbegun));
    assert!(has(&queue, "started") && !has(&queue, "informed"));
    assert_eq!(awaited(), before - 1);
    enqueue(&mut queue, call("bound", &unbegun));
    assert!(!has(&queue, "started") && queue.len() == LONGEST_QUEUE);
    for event in ["unbound", "bound", "unbound"] {
        enqueue(&mut queue, call(event, &unbegun));
        assert!(queue.len() <= LONGEST_QUEUE && has(&queue, "prefix-replaced"));
    }
    let told: Vec<_> = queue.iter().map(|call| call.event).collect();
    assert_eq!(told.last(), Some(&"unbound"));
    assert!(!told.windows(2).any(|pair| pair == ["bound", "bound"]), "{told:?}");
    let bound = told.iter().filter(|event| **event == "bound").count();
    assert_eq!(awaited(), bound);
}

#[test]
fn nobody_can_change_the_status_that_a_hook_reads() {
    let lab = Lab::new("{ echo x > /proc/self/fd/0 || echo refused; head -c 1; } > $OUT 2>&1");
    run(async {
        let hooks = lab.start(AMPLE);
        fire(&hooks, "bound");
        hooks.finish(Some(AMPLE)).await;
    });
    assert!(lab.read().ends_with("refused\n{"), "{}", lab.read());
}

#[test]
fn a_directory_that_cannot_be_read_is_said() {
    let lab = Lab::new("true");
    let file = lab.hooks().join("hook");
    let (hooks, refused) = scan(&file);
    assert!(hooks.is_empty());
    assert_eq!(refused, [(file, "the directory cannot be read")]);
}
