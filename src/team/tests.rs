use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// Calls `task` with a team of `threads` threads.
fn with_threads<R: Send>(threads: usize, task: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
    pool.install(|| within(task))
}

#[test]
fn every_item_is_done_once_in_every_task() {
    for threads in [1, 2, 3, 5, 8] {
        with_threads(threads, || {
            for task in 0..2000 {
                let mut counts = vec![0; task % 150];
                for_each(counts.iter_mut().enumerate(), |(index, count)| *count += index + 1);
                assert!(counts.iter().enumerate().all(|(index, &count)| count == index + 1));
            }
        });
    }
}

#[test]
fn pieces_cover_all_values_and_know_their_place() {
    let numbers = |pieces| {
        let mut values = vec![0; 1000];
        for_each_piece(&mut values, pieces, |first, values| {
            values.iter_mut().enumerate().for_each(|(index, value)| *value = first + index);
        });
        values
    };
    let expected: Vec<usize> = (0..1000).collect();
    assert_eq!(numbers(3), expected, "without a team");
    with_threads(4, || assert!([1, 7, 64, 1000].into_iter().all(|pieces| numbers(pieces) == expected)));
    for_each_piece(&mut [] as &mut [u8], 4, |_, _| panic!("there is no piece"));
}

#[test]
fn a_member_that_slept_works_again() {
    with_threads(2, || {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(20));
            // Each part waits for the other: both threads must come.
            let (begun, deadline) =
                (AtomicUsize::new(0), std::time::Instant::now() + Duration::from_secs(60));
            for_each(0..2, |_| {
                begun.fetch_add(1, Ordering::SeqCst);
                while begun.load(Ordering::SeqCst) < 2 && std::time::Instant::now() < deadline {
                    std::thread::yield_now();
                }
            });
            assert!(std::time::Instant::now() < deadline, "the member sleeps on");
        }
    });
}

#[test]
fn a_panic_of_a_part_reaches_the_caller_after_the_others_have_ended() {
    for threads in [2, 5] {
        with_threads(threads, || {
            let done = AtomicUsize::new(0);
            let panic = catch_unwind(AssertUnwindSafe(|| {
                for_each(0..20, |part| {
                    assert!(part != 7, "part seven");
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }));
            let panic = panic.expect_err("a part has panicked");
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"part seven"));
            assert_eq!(done.load(Ordering::SeqCst), 19);
            // The team still works.
            let sum = AtomicUsize::new(0);
            for_each(0..30, |part| {
                sum.fetch_add(part, Ordering::SeqCst);
            });
            assert_eq!(sum.into_inner(), 435);
        });
    }
}

#[test]
fn a_panic_of_the_leader_lets_the_members_go() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads start");
    let panic = catch_unwind(AssertUnwindSafe(|| pool.install(|| within(|| panic!("the leader")))));
    assert!(panic.is_err());
    // All threads of the pool are free again.
    assert_eq!(pool.broadcast(|context| context.index()), [0, 1, 2]);
}

#[test]
fn several_leaders_in_one_pool_do_not_wait_for_each_other() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start");
    let led = |salt: usize| {
        within(|| {
            let sum = AtomicUsize::new(0);
            for _ in 0..200 {
                for_each(0..4, |part| {
                    // What is split inside a part stays on its thread.
                    for_each(0..3, |inner| {
                        sum.fetch_add(part * inner + salt, Ordering::SeqCst);
                    });
                });
                // Other work of the pool, which may pick up what the other leader has spawned.
                rayon::join(|| (), || ());
            }
            sum.into_inner()
        })
    };
    pool.install(|| {
        let sums = rayon::join(|| rayon::join(|| led(0), || led(1)), || rayon::join(|| led(2), || led(3)));
        assert_eq!(sums, ((3600, 6000), (8400, 10_800)));
    });
}

#[test]
fn inside_a_part_a_team_is_one_thread() {
    with_threads(3, || {
        assert_eq!((threads(), is_ready()), (3, true));
        for_each(0..6, |_| assert_eq!((threads(), is_ready()), (1, false)));
        assert_eq!(within(|| (threads(), is_ready())), (3, true));
    });
    assert!(!is_ready());
}
