//! The subcommands, a file each.

pub(super) mod ask;
pub(super) mod data;
pub(super) mod db;
pub(super) mod eval;
pub(super) mod export;
pub(super) mod launch;
pub(super) mod net;
pub(super) mod pick;
pub(super) mod run;
pub(super) mod schema;
pub(super) mod show;
pub(super) mod status;
pub(super) mod studies;
pub(super) mod trial;
pub(super) mod tune;
pub(super) mod worker;
