//! A table becomes a data set: its schema is learnt from the training part and encodes all parts.

use std::path::{Path, PathBuf};

use super::super::table::{About, Reals, Scale, Table};
use super::by_schema::encode;
use super::layout::Role;
use super::lines::Text;
use super::raw_table::RawTable;
use crate::data::columns::encode::{Feature, features, learn};
use crate::data::columns::raw::Values;
use crate::data::grouped;
use crate::data::parts::{cut_test_groups, cut_test_part};
use crate::data::{
    ColumnKind, Columns, DataError, EncodedTable, OpenOptions, TableColumn, TableSchema, classes,
};

/// Reads a table. Labels may be text or numbers; they become sorted classes.
pub(crate) fn read(file: &Path, options: &OpenOptions) -> Result<Table, DataError> {
    let text = Text::open(file, options.decimal)?;
    RawTable::read(&text, options)?.into_table(options)
}

/// Reads a table as one part, from `text`; errors name `file`.
pub(crate) fn read_whole(text: impl std::io::Read, file: &Path) -> Result<Table, DataError> {
    let text = Text::read(text, file, None)?;
    RawTable::read(&text, &OpenOptions::default())?.into_whole(&OpenOptions::default())
}

/// The samples of the parts.
struct Indices {
    train: Vec<usize>,
    /// `None` if none are cut from the table.
    test: Option<Vec<usize>>,
}

/// The groups of the `samples`.
fn of_samples(groups: &[u32], samples: &[usize]) -> Vec<u32> {
    samples.iter().map(|&sample| groups[sample]).collect()
}

impl RawTable<'_> {
    /// The parts of the data set. Without a test file, a test part is cut.
    fn into_table(self, options: &OpenOptions) -> Result<Table, DataError> {
        let (_, labels) = classes::number(&self.labels, &self.label_name(), self.layout.file)?;
        let indices = match options.test {
            Some(_) => Indices { train: (0..labels.len()).collect(), test: None },
            None => {
                let (train, test) = match self.group_numbers() {
                    Some(groups) => cut_test_groups(&labels, &groups)?,
                    None => cut_test_part(&labels)?,
                };
                Indices { train, test: Some(test) }
            }
        };
        self.assemble(indices, options)
    }

    /// All samples as the training part.
    pub(super) fn into_whole(self, options: &OpenOptions) -> Result<Table, DataError> {
        let train = (0..self.labels.len()).collect();
        self.assemble(Indices { train, test: None }, options)
    }

    /// Learns from the training part, and encodes all.
    fn assemble(self, indices: Indices, options: &OpenOptions) -> Result<Table, DataError> {
        let mut schema = self.learn(&indices.train, options)?;
        let part =
            |file: &Option<PathBuf>| file.as_deref().map(|file| encode(&schema, file, true)).transpose();
        let (test, validation) = (part(&options.test)?, part(&options.validation)?);
        let others = [&test, &validation].into_iter().flatten();
        let mut all_labels = self.labels.clone();
        all_labels.extend(others.flat_map(|part| part.labels.iter().flatten().cloned()));
        let label = self.label_name();
        let (classes, labels) = classes::number(&all_labels, &label, self.layout.file)?;
        schema.set_classes(&classes);
        let mut about = About {
            label: Some(label),
            header: Some(self.layout.names.is_some()),
            notes: self.notes.clone(),
            identifiers: self.identifiers.clone(),
            columns: None,
            schema: None,
            groups: self.group_numbers().map(|groups| of_samples(&groups, &indices.train)),
        };
        let (own, others) = labels.split_at(self.labels.len());
        let columns = self.columns(&schema);
        let mut select = |samples: &[usize]| {
            let (features, notes) = features(&columns, samples);
            about.notes.extend(notes);
            Reals { features, labels: samples.iter().map(|&sample| own[sample]).collect() }
        };
        let train = select(&indices.train);
        let cut = indices.test.map(|samples| select(&samples));
        let (of_test, of_validation) = others.split_at(test.as_ref().map_or(0, |part| part.features.nrows()));
        let is_test_cut = cut.is_some();
        let mut read = |part: Option<EncodedTable>, labels: &[u16]| {
            let part = part?;
            about.notes.extend(part.notes);
            Some(Reals { features: part.features, labels: labels.to_vec() })
        };
        let (test, validation) = (read(test, of_test).or(cut), read(validation, of_validation));
        let shape = [1, 1, train.features.ncols()];
        about.columns = Columns::of_plain(&schema);
        about.schema = Some(schema);
        Ok(Table { shape, scale: Scale::PerColumn, classes, train, validation, test, is_test_cut, about })
    }

    /// The schema of the table, learnt from the samples `train`; the classes are not named yet.
    fn learn(&self, train: &[usize], options: &OpenOptions) -> Result<TableSchema, DataError> {
        let mut columns = Vec::new();
        for (column, role) in self.layout.roles.iter().enumerate() {
            let kind = match role {
                Role::Feature { .. } => {
                    let (_, values) =
                        self.features.iter().find(|(at, _)| *at == column).expect("a feature has values");
                    let wrong = |problem: String| self.layout.column_error(column, &problem);
                    learn(values, train, options.missing).map_err(wrong)?
                }
                Role::Label => ColumnKind::Label { classes: Vec::new() },
                Role::Group => ColumnKind::Group,
                Role::Dropped => ColumnKind::Dropped,
            };
            columns.push(TableColumn { name: self.layout.name(column), kind });
        }
        let (header, decimal, missing) = (self.layout.names.is_some(), self.decimal, options.missing);
        Ok(TableSchema { header, decimal, missing, columns })
    }

    fn columns<'s>(&'s self, schema: &'s TableSchema) -> Vec<Feature<'s>> {
        let feature = |(column, values): &'s (usize, Values)| {
            let (name, kind) = (self.layout.shown(*column), &schema.columns[*column].kind);
            Feature { name, kind, values }
        };
        self.features.iter().map(feature).collect()
    }

    /// The group of each sample, if there are groups.
    fn group_numbers(&self) -> Option<Vec<u32>> {
        (!self.groups.is_empty()).then(|| grouped::numbered(&self.groups))
    }

    /// Where the labels are, as people name it.
    fn label_name(&self) -> String {
        format!("column {}", self.layout.shown(self.layout.label))
    }
}
