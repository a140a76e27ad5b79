//! The names of parameters of the items of lists.

use std::borrow::Cow;

/// The most items of either list.
pub(super) const MOST_ITEMS: u32 = 64;

/// The name of the same parameter of the first item, if `name` is one of an item of a list: all items
/// have the same domains.
pub(super) fn first_item(name: &str) -> Cow<'_, str> {
    let parts: Vec<&str> = name.split('.').collect();
    match parts[..] {
        [list, item, own] if item.parse().is_ok_and(|item: u32| (1..=MOST_ITEMS).contains(&item)) => {
            Cow::Owned(format!("{list}.1.{own}"))
        }
        _ => Cow::Borrowed(name),
    }
}
