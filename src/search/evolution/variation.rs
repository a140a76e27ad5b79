//! Children: mutants of one point, and crossings of two points.
//!
//! The mutations are those of MENNDL (Young et al. 2017, "Evolving deep networks using HPC"). An
//! item of a list, such as a layer, is added, removed, or swapped with its neighbour. A number
//! takes a near value, a choice another one. In a crossing, the first items of one point's list are
//! followed by the last items of the other point's list.

use rand::RngExt;

use crate::search::nsga2::mutate;
use crate::seed::Stream;
use crate::space::{Domain, List, Parameter, Point, Space, Value};

/// Probability that a mutation adds, removes or swaps items of a list, if the space has one.
const OF_A_LIST: f64 = 0.4;
/// Probability that another mutation follows, after each mutation.
const MORE: f64 = 0.4;

/// Makes children of points of a space.
pub(super) struct Variation<'a> {
    space: &'a Space,
    lists: Vec<List>,
}

/// The values of one item of a list, one for each of its parameters; `None` where it is inactive.
type Item = Vec<Option<Value>>;

impl<'a> Variation<'a> {
    /// The variation of points of `space`.
    pub fn of(space: &'a Space) -> Self {
        Self { space, lists: space.lists() }
    }

    /// `point` with one mutation, or a few.
    pub fn mutant(&self, point: &Point, stream: &mut Stream) -> Point {
        let mut child = self.mutated(point, stream);
        while stream.random::<f64>() < MORE {
            child = self.mutated(&child, stream);
        }
        child
    }

    /// `point` with one mutation.
    fn mutated(&self, point: &Point, stream: &mut Stream) -> Point {
        let is_of_list = !self.lists.is_empty() && stream.random::<f64>() < OF_A_LIST;
        match is_of_list {
            true => self.with_other_list(point, stream),
            false => self.with_other_value(point, stream),
        }
    }

    /// `point` with one item more or less in one of its lists, or with two neighbouring items
    /// swapped.
    fn with_other_list(&self, point: &Point, stream: &mut Stream) -> Point {
        let list = &self.lists[stream.random_range(0..self.lists.len())];
        let mut items = self.items(point, list);
        let (low, high) = list.lengths(self.space);
        let (can_shrink, can_grow) = (items.len() as i64 > low, (items.len() as i64) < high);
        match stream.random_range(0..3) {
            0 if can_grow => {
                let at = stream.random_range(0..=items.len());
                let beside = at.min(items.len().saturating_sub(1));
                let copy = items.get(beside).cloned().filter(|_| stream.random());
                items.insert(at, copy.unwrap_or_else(|| self.random_item(list, stream)));
            }
            1 if can_shrink => {
                items.remove(stream.random_range(0..items.len()));
            }
            _ if items.len() > 1 => {
                let at = stream.random_range(0..items.len() - 1);
                items.swap(at, at + 1);
            }
            _ => return self.with_other_value(point, stream),
        }
        self.with_items(point, list, items)
    }

    /// `point` with another value of one of its active parameters.
    fn with_other_value(&self, point: &Point, stream: &mut Stream) -> Point {
        let held = self.space.held();
        let is_free = |name: &str| point.get(name).is_some() && held.get(name).is_none();
        let active: Vec<_> = self.space.searched().filter(|parameter| is_free(&parameter.name)).collect();
        if active.is_empty() {
            return self.space.proposed(point);
        }
        let parameter = active[stream.random_range(0..active.len())];
        let domain = &parameter.domain;
        let here = point.get(&parameter.name).and_then(|value| domain.encode(value)).unwrap_or(0.5);
        let value = match domain {
            Domain::Categorical { choices } => {
                let here = domain.index_of(&domain.decode(here)).unwrap_or(0) as usize;
                let step = stream.random_range(1..choices.len().max(2));
                choices[(here + step) % choices.len()].clone()
            }
            _ => domain.decode(mutate(domain, here, stream)),
        };
        let mut child = point.clone();
        child.set(parameter.name.clone(), value);
        self.space.proposed(&child)
    }

    /// A child of `a` and `b`. Lists are crossed at a boundary between items; every other parameter
    /// is taken from `a` or `b` at random.
    pub fn crossed(&self, a: &Point, b: &Point, stream: &mut Stream) -> Point {
        let mut child = a.clone();
        for parameter in self.space.parameters() {
            let is_of_b: bool = stream.random();
            if let Some(value) = b.get(&parameter.name).filter(|_| is_of_b) {
                child.set(parameter.name.clone(), value.clone());
            }
        }
        for list in &self.lists {
            let (of_a, of_b) = (self.items(a, list), self.items(b, list));
            let (from, to) = (stream.random_range(0..=of_a.len()), stream.random_range(0..=of_b.len()));
            let items: Vec<Item> = of_a[..from].iter().chain(&of_b[to..]).cloned().collect();
            child = self.with_items(&child, list, items);
        }
        self.space.proposed(&child)
    }

    /// Whether `a` and `b` have the same items in every list.
    pub fn has_same_lists(&self, a: &Point, b: &Point) -> bool {
        self.lists.iter().all(|list| self.items(a, list) == self.items(b, list))
    }

    /// `point` with the same lists and other values of all else: near ones in half of the cases, any
    /// ones in the others.
    pub fn with_same_lists(&self, point: &Point, stream: &mut Stream) -> Point {
        let is_near: bool = stream.random();
        let of_list: Vec<usize> = self
            .lists
            .iter()
            .flat_map(|list| list.items.iter().flatten().chain([&list.length]))
            .copied()
            .collect();
        let mut child = point.clone();
        for (index, parameter) in self.space.parameters().iter().enumerate() {
            let here = point.get(&parameter.name).and_then(|value| parameter.domain.encode(value));
            let (Some(here), false) = (here, of_list.contains(&index)) else { continue };
            let there = if is_near { mutate(&parameter.domain, here, stream) } else { stream.random() };
            child.set(parameter.name.clone(), parameter.domain.decode(there));
        }
        self.space.proposed(&child)
    }

    /// The items of `list` at `point`.
    fn items(&self, point: &Point, list: &List) -> Vec<Item> {
        let parameters = self.space.parameters();
        let length = point.get(&parameters[list.length].name).and_then(Value::as_i64).unwrap_or(0);
        let value = |&index: &usize| point.get(&parameters[index].name).cloned();
        let items = list.items.iter().take(usize::try_from(length).unwrap_or(0));
        items.map(|item| item.iter().map(value).collect()).collect()
    }

    /// `point` with these items in `list`; items beyond the list's capacity are left out.
    fn with_items(&self, point: &Point, list: &List, items: Vec<Item>) -> Point {
        let parameters = self.space.parameters();
        let (low, high) = list.lengths(self.space);
        let length = (items.len() as i64).clamp(low, high);
        let mut child = point.clone();
        child.set(parameters[list.length].name.clone(), length);
        for (places, item) in list.items.iter().zip(items) {
            for (&place, value) in places.iter().zip(item) {
                let Parameter { name, default, .. } = &parameters[place];
                child.set(name.clone(), value.unwrap_or_else(|| default.clone()));
            }
        }
        self.space.proposed(&child)
    }

    /// A random item of `list`.
    fn random_item(&self, list: &List, stream: &mut Stream) -> Item {
        let parameters = self.space.parameters();
        let Some(first) = list.items.first() else { return Vec::new() };
        first.iter().map(|&index| Some(parameters[index].domain.decode(stream.random()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    const LAYERS: &str = r#"{"name": "layers", "parameters": {
        "rate": {"type": "float", "low": 0, "high": 1},
        "layers": {"type": "list", "length": [0, 4], "default": 2, "of": {
            "kind": {"type": "categorical", "choices": ["wide", "narrow"]},
            "width": {"type": "int", "low": 1, "high": 9, "when": {"kind": ["wide"]}}
        }},
        "deep": {"type": "int", "low": 0, "high": 5, "when": {"layers": [3, 4]}}
    }}"#;

    fn space() -> Space {
        Space::from_json(LAYERS, "layers.json").unwrap()
    }

    fn point(text: &str) -> Point {
        serde_json::from_str(text).unwrap()
    }

    /// The kinds of all layers, in their order.
    fn kinds(variation: &Variation<'_>, point: &Point) -> Vec<String> {
        let items = variation.items(point, &variation.lists[0]);
        items.iter().map(|item| item[0].as_ref().and_then(Value::as_str).unwrap_or("").to_owned()).collect()
    }

    #[test]
    fn ten_thousand_children_are_points_of_the_space() {
        let space = space();
        let variation = Variation::of(&space);
        let mut stream = Seed::root(1).stream();
        let mut population = vec![space.default_point(), point(r#"{"rate": 0.5, "layers": 0}"#)];
        for _ in 0..10_000 {
            let (a, b) = (stream.random_range(0..population.len()), stream.random_range(0..population.len()));
            let child = match stream.random() {
                true => variation.mutant(&population[a], &mut stream),
                false => variation.crossed(&population[a], &population[b], &mut stream),
            };
            assert_eq!(space.check(&child), Ok(()), "{child:?}");
            if population.len() < 200 { population.push(child) } else { population[a] = child }
        }
        let lengths: std::collections::BTreeSet<i64> =
            population.iter().filter_map(|point| point.get("layers").and_then(Value::as_i64)).collect();
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn one_mutation_of_a_list_adds_removes_or_swaps_one_item() {
        let space = space();
        let variation = Variation::of(&space);
        let mut stream = Seed::root(2).stream();
        let parent = point(
            r#"{"rate": 0.5, "layers": 3, "layers.1.kind": "wide", "layers.1.width": 1,
                "layers.2.kind": "narrow", "layers.3.kind": "wide", "layers.3.width": 3, "deep": 2}"#,
        );
        let (mut longer, mut shorter, mut swapped) = (0, 0, 0);
        for _ in 0..300 {
            let child = variation.with_other_list(&parent, &mut stream);
            let (before, after) = (kinds(&variation, &parent), kinds(&variation, &child));
            match after.len() {
                4 => longer += 1,
                2 => shorter += 1,
                _ => swapped += usize::from(before != after),
            }
            assert!((2..=4).contains(&after.len()));
        }
        assert!(longer > 50 && shorter > 50 && swapped > 50, "{longer} {shorter} {swapped}");
    }

    #[test]
    fn a_crossed_list_begins_like_one_parent_and_ends_like_the_other() {
        let space = space();
        let variation = Variation::of(&space);
        let mut stream = Seed::root(3).stream();
        let of = |kind: &str, rate: f64| {
            let mut point: Point = [("rate", rate)].into_iter().collect();
            point.set("layers", 2);
            point.set("layers.1.kind", kind);
            point.set("layers.2.kind", kind);
            space.completed(&point)
        };
        let (a, b) = (of("wide", 0.1), of("narrow", 0.9));
        for _ in 0..100 {
            let child = variation.crossed(&a, &b, &mut stream);
            let kinds = kinds(&variation, &child);
            assert!(kinds.is_sorted_by(|x, y| !(x == "narrow" && y == "wide")), "{kinds:?}");
            let rate = child.get("rate").and_then(Value::as_f64);
            assert!([Some(0.1), Some(0.9)].contains(&rate));
        }
    }

    #[test]
    fn a_space_without_lists_mutates_by_its_values_alone() {
        let text = r#"{"name": "s", "parameters": {"c": {"type": "categorical", "choices": [1, 2, 3]}}}"#;
        let space = Space::from_json(text, "s.json").unwrap();
        let variation = Variation::of(&space);
        let mut stream = Seed::root(4).stream();
        let parent = space.default_point();
        assert!((0..50).all(|_| variation.with_other_value(&parent, &mut stream) != parent));
    }
}
