//! The places where a database may lie.

use std::path::Path;

use super::super::StorageError;

/// Refuses a place where a database cannot be made or would be damaged.
pub(super) fn check(path: &Path) -> Result<(), StorageError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if path.is_dir() {
        return Err(StorageError::IsFolder { path: path.to_owned() });
    }
    if !folder.is_dir() {
        return Err(StorageError::NoFolder { path: path.to_owned(), folder: folder.to_owned() });
    }
    match network_file_system(if path.exists() { path } else { folder }) {
        Some(file_system) => Err(StorageError::NetworkFileSystem { path: path.to_owned(), file_system }),
        None => Ok(()),
    }
}

/// The name of the network file system on which `path` lies; `None` if it is on a local one.
///
/// The write-ahead log needs memory that all processes share, and locks that all processes see. On
/// a network file system, different machines have neither in common. A study would be damaged
/// without an error.
#[cfg(target_os = "linux")]
fn network_file_system(path: &Path) -> Option<&'static str> {
    // Where statfs fails, opening fails too, and with a clearer error.
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    // The magic numbers have 32 bits; some platforms extend the sign.
    named(kind as u32)
}

/// `None`: other systems have no such magic numbers.
#[cfg(not(target_os = "linux"))]
fn network_file_system(_path: &Path) -> Option<&'static str> {
    None
}

/// The name of the network file system with this magic number. The numbers come from statfs(2),
/// linux/magic.h and the sources of the file systems.
#[cfg(target_os = "linux")]
fn named(magic: u32) -> Option<&'static str> {
    Some(match magic {
        0x0000_6969 => "NFS",
        0x0BD0_0BD0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x00C3_6400 => "CephFS",
        0x1983_0326 => "BeeGFS",
        0xAAD7_AAEA => "PanFS",
        0x2003_0528 => "OrangeFS",
        0x0000_517B | 0xFE53_4D42 | 0xFF53_4D42 => "SMB",
        0x5346_414F | 0x6B41_4653 => "AFS",
        0x7375_7245 => "Coda",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn network_file_systems_are_known_by_their_numbers_and_local_ones_pass() {
        // `stat -f -c %t` prints these: ext4, tmpfs, xfs, overlayfs.
        assert!([0xEF53, 0x0102_1994, 0x5846_5342, 0x794C_7630].iter().all(|&magic| named(magic).is_none()));
        assert_eq!(
            [0x6969, 0x0BD0_0BD0, 0x4750_4653].map(named),
            [Some("NFS"), Some("Lustre"), Some("GPFS")]
        );
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(network_file_system(folder.path()), None);
    }

    #[test]
    fn a_missing_folder_and_a_folder_in_place_of_the_file_are_named() {
        let error = check(Path::new("/nowhere/studies.db")).expect_err("no folder");
        assert_eq!(
            error.to_string(),
            "/nowhere/studies.db: the folder /nowhere does not exist: create it first"
        );
        let error = check(Path::new("/")).expect_err("a folder").to_string();
        assert!(error.starts_with("/: is a folder: name a file"), "{error}");
        check(Path::new("studies.db")).expect("a bare name lies in the current folder");
    }
}
