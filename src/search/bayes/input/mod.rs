//! A study as the model sees it: points with mixed and conditional parameters become numeric
//! inputs.
//!
//! | file | idea |
//! |---|---|
//! | `cube` | the unit cube of a space, and the cells of points |
//! | `features` | cells as inputs |
//! | `history` | measurements, ended and pending trials |
//! | `foreseen` | what is known of a point before it is tried |
//! | `local` | the part of a long history that enters the processes |

pub(super) mod cube;
pub(super) mod features;
pub(super) mod foreseen;
pub(super) mod history;
pub(super) mod local;
