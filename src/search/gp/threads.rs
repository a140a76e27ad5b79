//! Tasks of one suggestion on several threads.
//!
//! They do not run in the pool of rayon: its threads may be training another trial, and would begin only after
//! an epoch of it.

use std::panic::resume_unwind;
use std::thread;

/// The results of `task` for all `items`, in their order. Up to as many threads work as rayon has, so one
/// thread alone does all where the program may use no more.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, task: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = rayon::current_num_threads().min(items.len());
    if count < 2 {
        return items.into_iter().map(task).collect();
    }
    let mut hands: Vec<Vec<T>> = (0..count).map(|_| Vec::new()).collect();
    items.into_iter().enumerate().for_each(|(at, item)| hands[at % count].push(item));
    let work = |hand: Vec<T>| hand.into_iter().map(&task).collect::<Vec<R>>();
    let mut done: Vec<_> = thread::scope(|scope| {
        let last = hands.pop().expect("there are two hands at least");
        let others: Vec<_> = hands.into_iter().map(|hand| scope.spawn(|| work(hand))).collect();
        let last = work(last);
        let others =
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        others.chain([last]).map(Vec::into_iter).collect()
    });
    let mut results = Vec::new();
    while let Some(result) = done[results.len() % count].next() {
        results.push(result);
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_their_items_with_any_number_of_threads() {
        for threads in 1..5 {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for count in 0..9 {
                let squares = pool.install(|| map((0..count).collect(), |x: usize| x * x));
                assert_eq!(squares, (0..count).map(|x| x * x).collect::<Vec<_>>(), "{threads} threads");
            }
        }
    }

    #[test]
    #[should_panic(expected = "item 2")]
    fn a_panic_of_a_task_is_one_of_the_caller() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| map((0..4).collect(), |x: u32| assert!(x != 2, "item {x}")));
    }
}
