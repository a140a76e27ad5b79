//! Workers: parallel evaluations, and the threads that each of them computes on.

pub(super) mod pool;
mod thread_shares;
