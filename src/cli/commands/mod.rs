//! The subcommands, a file each. Those about one network and about machines have a folder each.

pub(super) mod ask;
pub(super) mod catalogue;
pub(super) mod data;
pub(super) mod export;
pub(super) mod machines;
pub(super) mod networks;
pub(super) mod pick;
pub(super) mod report;
pub(super) mod run;
pub(super) mod schema;
pub(super) mod shells;
pub(super) mod show;
pub(super) mod status;
pub(super) mod studies;
pub(super) mod tune;
