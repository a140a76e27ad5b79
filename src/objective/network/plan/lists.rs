//! Names of parameters that belong to an item of a list.

use std::borrow::Cow;

/// The most items of either list.
pub(super) const MOST_ITEMS: u32 = 64;

/// If `name` is a parameter of an item of a list: the name of the same parameter of the list's
/// first item. All items have the same domains. Other names stay.
pub(super) fn first_item(name: &str) -> Cow<'_, str> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        [list, item, own] if item.parse().is_ok_and(|item: u32| (1..=MOST_ITEMS).contains(&item)) => {
            Cow::Owned(format!("{list}.1.{own}"))
        }
        _ => Cow::Borrowed(name),
    }
}
