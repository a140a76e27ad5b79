//! The unit cube of a space, compiled for fast decoding of thousands of points.

use std::collections::BTreeSet;

use crate::space::{Condition, Domain, INACTIVE, Space, Value};

/// One axis of the cube: a searched parameter.
struct Axis<'a> {
    domain: &'a Domain,
    /// Conditions; the axis is active if all of them hold.
    conditions: Vec<AxisCondition<'a>>,
    /// The coordinate that every proposed point has; `None` if it is searched.
    held: Option<f64>,
}

/// A condition of an axis: the parent axis is active and has one of these values.
#[derive(Clone, PartialEq)]
struct AxisCondition<'a> {
    parent: usize,
    values: &'a [Value],
}

/// The kind of values of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisKind {
    /// All numbers from 0 to 1.
    Continuum,
    /// This number of values in order.
    Grid(u64),
    /// This number of values without an order.
    Choices(u64),
}

/// A point of the unit cube, in a form that is unique for each point of the search space. Every
/// active coordinate is at the place of a value. Coordinates of inactive parameters are
/// [`INACTIVE`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cell {
    pub unit: Vec<f64>,
    pub active: Vec<bool>,
    /// The fidelity level of a measurement at this point: 0 for the end of a trial, and 1, 2, ...
    /// for its rungs, from the lowest on. A rung is a step at which trials pause.
    pub level: usize,
}

/// The unit cube of a space: one axis per searched parameter.
pub(crate) struct Cube<'a> {
    axes: Vec<Axis<'a>>,
    /// The axes, every parent before its children.
    order: Vec<usize>,
}

impl<'a> Cube<'a> {
    /// The cube of `space`.
    pub fn new(space: &'a Space) -> Self {
        let parameters = space.parameters();
        let mut axis_of = vec![None; parameters.len()];
        let searched = (0..parameters.len()).filter(|&index| !parameters[index].domain.is_fixed());
        let searched: Vec<usize> = searched.collect();
        searched.iter().enumerate().for_each(|(axis, &index)| axis_of[index] = Some(axis));
        let axes: Vec<Axis> = searched
            .iter()
            .zip(space.held_coordinates())
            .map(|(&index, held)| Axis {
                domain: &parameters[index].domain,
                conditions: axis_conditions(space, &parameters[index].conditions, &axis_of),
                held,
            })
            .collect();
        let order = parents_first(&axes);
        Self { axes, order }
    }

    /// The number of axes.
    pub fn dimension(&self) -> usize {
        self.axes.len()
    }

    /// The kind of values of an axis.
    pub fn kind(&self, axis: usize) -> AxisKind {
        let domain = self.axes[axis].domain;
        match (domain, domain.size()) {
            (Domain::Categorical { .. }, Some(size)) => AxisKind::Choices(size),
            (_, Some(size)) => AxisKind::Grid(size),
            (_, None) => AxisKind::Continuum,
        }
    }

    /// Whether all proposed points have the same coordinate on the axis, see
    /// [`Space::holding`].
    pub fn is_held(&self, axis: usize) -> bool {
        self.axes[axis].held.is_some()
    }

    /// A lower bound on the number of cells (different points) that can be proposed: the product of
    /// the numbers of values of the axes that are always active. `None` if one of these axes is
    /// continuous.
    pub fn least_size(&self) -> Option<u64> {
        let always = self.axes.iter().filter(|axis| axis.conditions.is_empty() && axis.held.is_none());
        always
            .map(|axis| axis.domain.size())
            .try_fold(1u64, |product, size| Some(product.saturating_mul(size?)))
    }

    /// Whether the axis is active only in a part of the space.
    pub fn is_conditional(&self, axis: usize) -> bool {
        !self.axes[axis].conditions.is_empty()
    }

    /// Whether the value on the axis decides whether another axis is active.
    pub fn is_parent(&self, axis: usize) -> bool {
        self.axes.iter().any(|other| other.conditions.iter().any(|condition| condition.parent == axis))
    }

    /// Whether two axes are active under the same conditions.
    pub fn are_active_together(&self, axis: usize, other: usize) -> bool {
        self.axes[axis].conditions == self.axes[other].conditions
    }

    /// The cell of the coordinates `unit`.
    pub fn cell(&self, unit: &[f64]) -> Cell {
        let mut cell = Cell { unit: vec![INACTIVE; unit.len()], active: vec![false; unit.len()], level: 0 };
        for &index in &self.order {
            let axis = &self.axes[index];
            cell.active[index] = axis.conditions.iter().all(|condition| self.holds(condition, &cell));
            if cell.active[index] {
                cell.unit[index] = axis.domain.snap(unit[index]);
            }
        }
        cell
    }

    /// The cell of the coordinates `unit`, those that are held replaced.
    pub fn proposal(&self, unit: &[f64]) -> Cell {
        let coordinates = unit.iter().zip(&self.axes).map(|(&u, axis)| axis.held.unwrap_or(u));
        self.cell(&coordinates.collect::<Vec<f64>>())
    }

    /// Whether a condition holds, given the axes of `cell` above it.
    fn holds(&self, condition: &AxisCondition, cell: &Cell) -> bool {
        let value = || self.axes[condition.parent].domain.decode(cell.unit[condition.parent]);
        cell.active[condition.parent] && condition.values.contains(&value())
    }

    /// The coordinate of the `k`-th value of an axis that is not a continuum.
    pub fn coordinate(&self, axis: usize, k: u64) -> f64 {
        let domain = self.axes[axis].domain;
        match self.kind(axis) {
            AxisKind::Choices(size) => domain.snap((k as f64 + 0.5) / size as f64),
            _ => domain.encode(&domain.value_at(k)).unwrap_or(INACTIVE),
        }
    }

    /// The number of the value at `u`, on an axis that is not a continuum.
    pub fn value_at(&self, axis: usize, u: f64) -> u64 {
        let domain = self.axes[axis].domain;
        domain.index_of(&domain.decode(u)).unwrap_or(0)
    }
}

/// Translates conditions of parameters to conditions of axes. A fixed parent has no axis: the
/// parent's own conditions take its place.
fn axis_conditions<'a>(
    space: &'a Space,
    conditions: &'a [Condition],
    axis_of: &[Option<usize>],
) -> Vec<AxisCondition<'a>> {
    let translate = |condition: &'a Condition| match axis_of[condition.parent] {
        Some(parent) => vec![AxisCondition { parent, values: &condition.values }],
        None => axis_conditions(space, &space.parameters()[condition.parent].conditions, axis_of),
    };
    conditions.iter().flat_map(translate).collect()
}

/// The axes, parents first.
fn parents_first(axes: &[Axis]) -> Vec<usize> {
    let mut order = Vec::with_capacity(axes.len());
    let mut left: BTreeSet<usize> = (0..axes.len()).collect();
    while !left.is_empty() {
        let is_ready =
            |&&axis: &&usize| axes[axis].conditions.iter().all(|condition| !left.contains(&condition.parent));
        let ready: Vec<usize> = left.iter().filter(is_ready).copied().collect();
        assert!(!ready.is_empty(), "a checked space has no cycle of conditions");
        ready.iter().for_each(|axis| {
            left.remove(axis);
        });
        order.extend(ready);
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TREE: &str = r#"{"name": "tree", "parameters": {
        "momentum": {"type": "float", "low": 0, "high": 1, "when": {"kind": ["dense"]}},
        "kind": {"type": "fixed", "value": "dense", "when": {"rule": ["sgd"]}},
        "width": {"type": "int", "low": 1, "high": 300, "log": true},
        "depth": {"type": "int", "low": 1, "high": 9, "step": 2, "when": {"rule": ["sgd", "adam"]}},
        "slope": {"type": "float", "low": 0, "high": 1, "step": 0.25, "when": {"depth": [3, 5], "rule": ["sgd"]}},
        "rule": {"type": "categorical", "choices": ["adam", "sgd", "none"]}
    }}"#;

    proptest! {
        #[test]
        fn a_cell_equals_the_encoding_of_the_space(unit in prop::collection::vec(0.0..1.0f64, 5)) {
            let space = Space::from_json(TREE, "tree.json").unwrap();
            let cell = Cube::new(&space).cell(&unit);
            prop_assert_eq!(&cell.active, &space.active(&unit));
            let encoded = space.encode(&space.decode(&unit)).unwrap();
            for (actual, expected) in cell.unit.iter().zip(encoded) {
                prop_assert!((actual - expected).abs() < 1e-12);
            }
            prop_assert_eq!(space.decode(&cell.unit), space.decode(&unit));
        }
    }
}
