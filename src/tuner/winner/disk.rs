//! A limit for the disk that the saved networks of a study take.

use std::fs;
use std::path::Path;

/// The disk that is left for networks. They are offered best first, so those of the worst trials are dropped.
pub(in crate::tuner) struct DiskLimit {
    /// Bytes that are left; `None`: without a limit.
    left: Option<u64>,
    is_first: bool,
}

impl DiskLimit {
    /// A limit of `bytes`; `None`: none.
    pub fn new(bytes: Option<u64>) -> Self {
        Self { left: bytes, is_first: true }
    }

    /// Whether the saved network `file` stays. The first one, the winner's, always does. Another one that would go
    /// beyond the limit is removed, and so is every one after it.
    ///
    /// # Errors
    /// The system cannot read or remove the file.
    pub fn keeps(&mut self, file: &Path) -> std::io::Result<bool> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        let Some(left) = self.left else { return Ok(true) };
        let size = fs::metadata(file)?.len();
        if size <= left || is_first {
            self.left = Some(left.saturating_sub(size));
            return Ok(true);
        }
        self.left = Some(0);
        fs::remove_file(file)?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the files of these `sizes` stay within `limit`.
    fn kept(limit: Option<u64>, sizes: &[usize]) -> Vec<bool> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut disk = DiskLimit::new(limit);
        let keep = |(index, size): (usize, &usize)| {
            let file = folder.path().join(index.to_string());
            fs::write(&file, vec![0; *size]).expect("written");
            let stays = disk.keeps(&file).expect("readable");
            assert_eq!(stays, file.exists());
            stays
        };
        sizes.iter().enumerate().map(keep).collect()
    }

    #[test]
    fn the_first_network_stays_and_the_last_ones_go() {
        assert_eq!(kept(None, &[10, 10]), [true, true]);
        assert_eq!(kept(Some(25), &[10, 10, 10, 1]), [true, true, false, false]);
        assert_eq!(kept(Some(1), &[10, 10]), [true, false]);
        assert_eq!(kept(Some(30), &[10, 10, 10]), [true, true, true]);
    }
}
