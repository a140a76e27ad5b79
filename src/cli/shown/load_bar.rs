//! A bar while a data set is downloaded or decoded.

use indicatif::{ProgressBar, ProgressStyle};

use crate::data::LoadProgress;

const DOWNLOAD: &str = "{bytes}/{total_bytes}, {eta} left  {wide_msg}";
const PICTURES: &str = "{human_pos}/{human_len} pictures, {eta} left  {wide_bar}";

/// A bar, from the first call on.
pub(crate) struct LoadBar {
    bar: Option<ProgressBar>,
}

impl LoadBar {
    pub fn new() -> Self {
        Self { bar: None }
    }

    /// Shows how far it is.
    pub fn show(&mut self, progress: LoadProgress<'_>) {
        let (template, done, total) = match progress {
            LoadProgress::Download(download) => (DOWNLOAD, download.bytes, download.total),
            LoadProgress::Pictures { decoded, total } => (PICTURES, decoded as u64, total as u64),
        };
        let bar = self.bar.get_or_insert_with(|| ProgressBar::new(0).with_style(style(template)));
        if let LoadProgress::Download(download) = progress {
            bar.set_message(download.file.to_owned());
        }
        bar.set_length(total);
        bar.set_position(done);
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant that a test renders")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DownloadProgress;

    #[test]
    fn every_template_can_be_rendered() {
        LoadBar::new().show(LoadProgress::Download(DownloadProgress { file: "a", bytes: 1, total: 2 }));
        LoadBar::new().show(LoadProgress::Pictures { decoded: 1, total: 2 });
    }
}
