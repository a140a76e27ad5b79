//! How the threads of a process are shared among the evaluations that run at the same time.

/// The threads of each worker of a pool.
///
/// An evaluation keeps its threads to its end. It gets an equal share of the free threads, but no
/// more than it can use: what it leaves is for those that begin after it.
pub(super) struct ThreadShares {
    /// Threads of the process, at least 1.
    total: usize,
    /// Threads that each worker's evaluation has; 0 for an idle worker.
    taken: Vec<usize>,
}

impl ThreadShares {
    /// All of `total` threads are free, and all of `workers` workers are idle.
    pub fn new(total: usize, workers: usize) -> Self {
        Self { total, taken: vec![0; workers] }
    }

    /// Takes threads for an evaluation of `worker`, which is idle, and returns their number: at least
    /// one, and no more than `most`, as many as it can use.
    ///
    /// `waiting` evaluations, this one included, begin before another ends, if as many workers are
    /// idle.
    pub fn take(&mut self, worker: usize, most: usize, waiting: usize) -> usize {
        let idle = self.taken.iter().filter(|&&threads| threads == 0).count();
        let free = self.total.saturating_sub(self.taken.iter().sum());
        let share = free.div_ceil(waiting.clamp(1, idle.max(1)));
        self.taken[worker] = share.min(most).max(1);
        self.taken[worker]
    }

    /// Gives back the threads of `worker`, whose evaluation has ended.
    pub fn give_back(&mut self, worker: usize) {
        self.taken[worker] = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANY: usize = usize::MAX;

    #[test]
    fn equal_shares_leave_no_thread_over() {
        let mut shares = ThreadShares::new(8, 3);
        assert_eq!([0, 1, 2].map(|worker| shares.take(worker, ANY, ANY)), [3, 3, 2]);
        shares.give_back(1);
        assert_eq!(shares.take(1, ANY, ANY), 3);
    }

    #[test]
    fn threads_that_an_evaluation_cannot_use_go_to_the_next() {
        let mut shares = ThreadShares::new(16, 4);
        assert_eq!([2, ANY, 1, ANY].map(|most| take_next(&mut shares, most)), [2, 5, 1, 8]);
    }

    #[test]
    fn fewer_evaluations_than_workers_have_all_threads() {
        let mut shares = ThreadShares::new(8, 4);
        assert_eq!((shares.take(0, ANY, 2), shares.take(1, ANY, 1)), (4, 4));
    }

    #[test]
    fn more_workers_than_threads_have_one_each() {
        let mut shares = ThreadShares::new(2, 3);
        assert_eq!([0, 1, 2].map(|worker| shares.take(worker, ANY, ANY)), [1, 1, 1]);
    }

    /// Takes threads for the first idle worker.
    fn take_next(shares: &mut ThreadShares, most: usize) -> usize {
        let worker = shares.taken.iter().position(|&threads| threads == 0).unwrap();
        shares.take(worker, most, ANY)
    }

    proptest! {
        /// In any order of beginnings and ends, no thread is taken twice while there is one for each
        /// worker, and with any use for them none is left over.
        #[test]
        fn threads_are_neither_taken_twice_nor_lost(
            workers in 1usize..6,
            more in 0usize..20,
            steps in prop::collection::vec((0usize..6, 1usize..40), 1..60),
        ) {
            let total = workers + more;
            let mut shares = ThreadShares::new(total, workers);
            for (worker, most) in steps {
                let worker = worker % workers;
                match shares.taken[worker] {
                    0 => prop_assert!((1..=most).contains(&shares.take(worker, most, ANY))),
                    _ => shares.give_back(worker),
                }
                prop_assert!(shares.taken.iter().sum::<usize>() <= total);
            }
            (0..workers).for_each(|worker| shares.give_back(worker));
            prop_assert_eq!((0..workers).map(|worker| shares.take(worker, ANY, ANY)).sum::<usize>(), total);
        }
    }
}
