//! Samples without labels, in batches.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use super::archive::{self, ArrayRequest, Kind};
use super::collector::{Collector, ReadSamples, Visit};
use super::columns::ColumnRequest;
use super::table;
use crate::data::format::{images, stream};
use crate::data::{Channels, ColumnRef, DataError, Header, Preprocessing};

/// Where new samples come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A table, an array of NumPy, an archive of arrays, or images of IDX, all of which may be gzipped; a
    /// picture, or a folder of pictures.
    File(PathBuf),
    /// A table from standard input.
    StandardInput,
}

/// What new samples do not say about themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchOptions {
    /// Samples in a batch, at least 1; the last batch may be smaller.
    pub batch: usize,
    /// The label column of a table, which is ignored; `None`: the one of the training, if it is there.
    pub label: Option<ColumnRef>,
    /// Whether a table has a header.
    pub header: Header,
    /// The place of the channels of images.
    pub channels: Channels,
    /// The array of an archive that has the samples; `None`: its name tells.
    pub array: Option<String>,
}

/// Reads the samples of `source` as those of the training were read, and hands them on in their order.
///
/// Memory does not grow with the number of samples, but for arrays in column-major order and tables in
/// UTF-16.
///
/// # Errors
/// The source cannot be read, or its samples do not fit those of the training. Batches before the
/// mistake have been handed on by then.
pub fn read_batches(
    source: &Source,
    trained: &Preprocessing,
    options: &BatchOptions,
    visit: &mut Visit<'_>,
) -> Result<ReadSamples, DataError> {
    let mut collector = Collector::new(trained, options.batch, visit);
    let mut of_table = |text: Box<dyn BufRead + '_>, file: &Path| {
        let (label, header) = (options.label.as_ref(), options.header);
        let request = ColumnRequest { trained, label, header, needs_labels: false };
        table::read(text, file, &request, &mut |row| collector.add(row.values)).map(|read| read.notes)
    };
    let notes = match source {
        Source::StandardInput => {
            let file = Path::new("standard input");
            let text = stream::unpacked(table::buffered(io::stdin().lock()));
            of_table(text.map_err(|error| stream::read_error(file, error))?, file)?
        }
        Source::File(file) if images::may_be_pictures(file) => {
            of_pictures(file, trained, &mut collector)?;
            Vec::new()
        }
        Source::File(file) => match Kind::of(file)? {
            Kind::Table => of_table(stream::open(file)?, file)?,
            kind => {
                let (array, channels) = (options.array.as_deref(), options.channels);
                let request = ArrayRequest { trained, array, channels };
                archive::read(file, kind, &request, &mut collector)?
            }
        },
    };
    let read = collector.finish(notes);
    match (read.samples, source) {
        (0, Source::File(file)) => Err(DataError::malformed(file, "no sample: must have one at least")),
        _ => Ok(read),
    }
}

/// Hands on the pictures of `path`, scaled to the shape of the training.
fn of_pictures(path: &Path, trained: &Preprocessing, collector: &mut Collector<'_>) -> Result<(), DataError> {
    for file in images::pictures(path)? {
        let pixels = images::pixels(&file, trained.shape)?;
        let added = collector.add_picture(&file, &pixels);
        if added.map_err(|(_, rule)| DataError::malformed(&file, rule))?.is_break() {
            break;
        }
    }
    Ok(())
}
