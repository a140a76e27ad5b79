//! The loop over the inputs of a target, and what watches it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::targets::{TARGETS, Target};

/// Inputs of each target, where `TUNE_FUZZ` names no other number.
const INPUTS: u64 = 2000;
/// The most time for one input.
const LIMIT: Duration = Duration::from_secs(20);
/// Failures after which a target ends.
const ENOUGH: usize = 5;

/// The input that a target runs at the moment.
struct Slot {
    number: AtomicU64,
    /// Milliseconds from the start of the tests to its start; 0: none is running.
    begin: AtomicU64,
}

static SLOTS: [Slot; TARGETS.len()] =
    [const { Slot { number: AtomicU64::new(0), begin: AtomicU64::new(0) } }; TARGETS.len()];

fn clock() -> &'static Instant {
    static CLOCK: OnceLock<Instant> = OnceLock::new();
    CLOCK.get_or_init(|| {
        std::thread::spawn(watch);
        Instant::now()
    })
}

fn now() -> u64 {
    clock().elapsed().as_millis() as u64 + 1
}

/// Ends the tests once an input takes too long.
fn watch() {
    loop {
        std::thread::sleep(Duration::from_millis(200));
        for (slot, target) in SLOTS.iter().zip(&TARGETS) {
            let begin = slot.begin.load(Ordering::Acquire);
            if begin > 0 && now().saturating_sub(begin) > LIMIT.as_millis() as u64 {
                end(&format!("{} takes more than {LIMIT:?}", target.name));
            }
        }
    }
}

/// Names what is running, keeps it in files, and ends the process.
pub fn end(problem: &str) -> ! {
    eprintln!("fuzz: {problem}");
    for (slot, target) in SLOTS.iter().zip(&TARGETS) {
        if slot.begin.load(Ordering::Acquire) > 0 {
            report(target, slot.number.load(Ordering::Acquire));
        }
    }
    std::process::exit(101);
}

/// Names an input, shows its beginning, and keeps it in a file.
fn report(target: &Target, number: u64) {
    let input = (target.input)(number);
    let file = folder().join(format!("{}-{number}", target.name));
    let kept = std::fs::write(&file, &input).map(|()| file.display().to_string());
    let shown: String = input.iter().take(96).map(|byte| format!("{byte:02x}")).collect();
    eprintln!(
        "fuzz: target {}, input {number}, {} bytes: TUNE_FUZZ_ONLY={}:{number}; in {}: {shown}",
        target.name,
        input.len(),
        target.name,
        kept.unwrap_or_else(|error| error.to_string())
    );
}

fn folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz");
    std::fs::create_dir_all(&folder).expect("a folder for inputs");
    folder
}

/// Runs the inputs of the target called `name`.
pub fn fuzz(name: &str) {
    let place = TARGETS.iter().position(|target| target.name == name).expect("a target");
    let (target, slot) = (&TARGETS[place], &SLOTS[place]);
    if let Ok(only) = std::env::var("TUNE_FUZZ_ONLY") {
        let Some(number) = only.strip_prefix(name).and_then(|rest| rest.strip_prefix(':')) else { return };
        report(target, number.parse().expect("a number"));
        return assert!(is_answered(target, slot, number.parse().expect("a number")));
    }
    let count = std::env::var("TUNE_FUZZ").map_or(INPUTS, |count| count.parse().expect("a number"));
    // A stack that overflows ends the process at once: the file says at which input.
    let last = folder().join(format!("{name}-last"));
    let begin = Instant::now();
    let (mut failures, mut longest) = (0, (Duration::ZERO, 0));
    for number in 0..count {
        std::fs::write(&last, number.to_string()).expect("the folder can be written");
        let start = Instant::now();
        if !is_answered(target, slot, number) {
            report(target, number);
            failures += 1;
        }
        longest = longest.max((start.elapsed(), number));
        if failures == ENOUGH {
            break;
        }
    }
    println!("{name}: {count} inputs in {:?}, the longest {longest:?}", begin.elapsed());
    assert_eq!(failures, 0, "{name}: inputs that panic, see above");
}

/// Whether the input of this number is answered without a panic.
fn is_answered(target: &Target, slot: &Slot, number: u64) -> bool {
    let input = (target.input)(number);
    slot.number.store(number, Ordering::Release);
    slot.begin.store(now(), Ordering::Release);
    let answered = catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_ok();
    slot.begin.store(0, Ordering::Release);
    answered
}
