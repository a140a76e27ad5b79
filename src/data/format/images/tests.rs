//! Folders of pictures as people have them.

use std::fs;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

use super::read::read;
use crate::data::parts::Parts;
use crate::data::{LoadProgress, OpenOptions};

/// A folder of pictures, and a cache.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.path().join("set").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// A grey picture of two by two pixels, of which the first is `value`.
    fn grey(&self, name: &str, value: u8) -> &Self {
        let image = GrayImage::from_raw(2, 2, vec![value, 50, 100, 200]).unwrap();
        image.save_with_format(self.path(name), ImageFormat::Png).unwrap();
        self
    }

    fn file(&self, name: &str, bytes: &[u8]) -> &Self {
        fs::write(self.path(name), bytes).unwrap();
        self
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("cache")
    }

    fn load(
        &self,
        options: &OpenOptions,
        progress: &mut dyn FnMut(LoadProgress<'_>),
    ) -> Result<Parts, String> {
        let folder = self.0.path().join("set");
        let parts = read(&folder, options, Some(&self.cache()), progress);
        let shortened = |text: String| text.replace(&*folder.to_string_lossy(), "set");
        parts.map_err(|error| shortened(error.to_string()))?.ok_or_else(|| "no pictures".to_owned())
    }

    fn read(&self) -> Result<Parts, String> {
        self.load(&OpenOptions::default(), &mut |_| {})
    }
}

/// Two classes of two pictures each.
fn two_classes() -> Folder {
    let folder = Folder::new();
    folder.grey("cat/10.png", 1).grey("cat/2.png", 2).grey("dog/3.PNG", 3).grey("dog/1.png", 4);
    folder
}

#[test]
fn folders_are_classes_and_samples_are_in_the_order_of_their_file_names() {
    let parts = two_classes().read().unwrap();
    assert_eq!(
        (parts.shape, parts.levels, parts.classes),
        ([2, 2, 1], 255, vec!["cat".into(), "dog".into()])
    );
    assert_eq!(parts.train.inputs.column(0).to_vec(), [4, 2, 3, 1]);
    assert_eq!(parts.train.labels, [1, 0, 1, 0]);
    assert!(parts.validation.is_none() && parts.test.is_none() && parts.reading.notes.is_empty());
}

#[test]
fn the_cache_tells_folders_apart_whose_files_look_alike() {
    let [one, other] = [Folder::new(), Folder::new()];
    for (folder, value) in [(&one, 1), (&other, 9)] {
        for name in ["cat/1.png", "dog/2.png"] {
            folder.grey(name, value);
            let file = fs::File::options().append(true).open(folder.path(name)).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }
    }
    let size = |folder: &Folder| fs::metadata(folder.path("cat/1.png")).unwrap().len();
    assert_eq!(size(&one), size(&other));
    let first = |folder: &Folder| {
        let set = folder.0.path().join("set");
        let parts = read(&set, &OpenOptions::default(), Some(&one.cache()), &mut |_| {}).unwrap();
        parts.expect("pictures").train.inputs[[0, 0]]
    };
    assert_eq!((first(&one), first(&other), first(&one)), (1, 9, 1));
}

#[test]
fn folders_of_parts_are_used_as_such() {
    let folder = Folder::new();
    for part in ["Train", "valid", "test"] {
        folder.grey(&format!("{part}/9/a.png"), 1).grey(&format!("{part}/10/b.png"), 2);
    }
    let parts = folder.read().unwrap();
    assert_eq!(parts.classes, ["9", "10"]);
    for part in [Some(parts.train), parts.validation, parts.test] {
        let part = part.unwrap();
        assert_eq!((part.inputs.column(0).to_vec(), part.labels), (vec![1, 2], vec![0, 1]));
    }
    let message = |name: &str| folder.grey(name, 3).read().unwrap_err();
    assert!(
        message("test/1O/c.png")
            .ends_with("test/1O: no folder of this class in the training part; did you mean \"10\"?")
    );
    assert!(message("extra/c.png").starts_with("set: extra beside folders of parts (train, val, test)"));
    let folder = Folder::new();
    folder.grey("test/a/a.png", 1).grey("test/b/a.png", 1);
    assert!(folder.read().unwrap_err().contains("folders of parts, but no train"));
}

#[test]
fn what_is_no_picture_is_left_out_and_counted() {
    let folder = two_classes();
    folder
        .file("cat/.DS_Store", b"x")
        .file("dog/Thumbs.db", b"x")
        .file(".git/a.png", b"x")
        .file("__MACOSX/a.png", b"x");
    assert!(folder.read().unwrap().reading.notes.is_empty());
    folder.file("cat/readme.txt", b"x").file("labels.csv", b"x").grey("dog/more/5.png", 5);
    let parts = folder.read().unwrap();
    assert_eq!(parts.train.labels, [1, 0, 1, 1, 0]);
    assert_eq!(
        parts.reading.notes,
        ["2 files that are no pictures of a class are left out, such as readme.txt"]
    );
    folder.file("cat/a.webp", b"x");
    assert!(folder.read().unwrap_err().starts_with("set/cat/a.webp: a picture of a kind that is not read"));
}

#[test]
fn folders_that_are_no_data_set_are_refused() {
    let folder = Folder::new();
    folder.grey("cat/a.png", 1);
    assert_eq!(folder.read().unwrap_err(), "set: one folder of a class, cat: must have at least two");
    fs::create_dir(folder.path("dog")).unwrap();
    assert!(folder.read().unwrap_err().starts_with("set/dog: no picture in this folder of a class"));
    let folder = Folder::new();
    folder.file("a/b.txt", b"x");
    assert_eq!(folder.read().unwrap_err(), "no pictures");
}

#[test]
fn a_broken_picture_is_named_or_left_out() {
    let folder = two_classes();
    let whole = fs::read(folder.path("cat/10.png")).unwrap();
    folder.file("cat/5.png", &whole[..40]).file("dog/6.jpg", b"no picture");
    let message = folder.read().unwrap_err();
    assert!(message.starts_with("set/cat/5.png: broken picture ("), "{message}");
    assert!(message.ends_with("repair or delete it, or say --skip-broken"), "{message}");
    let skip = OpenOptions { skip_broken: true, ..OpenOptions::default() };
    for _ in ["decoded", "kept"] {
        let parts = folder.load(&skip, &mut |_| {}).unwrap();
        assert_eq!(parts.train.labels, [1, 0, 1, 0]);
        let note = &parts.reading.notes[0];
        assert!(
            note.starts_with("2 broken pictures are left out, such as ") && note.ends_with("5.png"),
            "{note}"
        );
    }
}

#[test]
fn pictures_of_different_sizes_need_one() {
    let folder = two_classes();
    GrayImage::from_pixel(4, 2, image::Luma([90])).save(folder.path("dog/9.png")).unwrap();
    let message = folder.read().unwrap_err();
    assert_eq!(
        message,
        "set/dog/9.png: 2 x 4 (height x width), but set/dog/1.png is 2 x 2: say --image-size to give all one size, \
         such as --image-size 28"
    );
    let sized = OpenOptions { image_size: Some("2x4".parse().unwrap()), ..OpenOptions::default() };
    let parts = folder.load(&sized, &mut |_| {}).unwrap();
    assert_eq!((parts.shape, parts.train.inputs.row(3).to_vec()), ([2, 4, 1], vec![90; 8]));
}

#[test]
fn colours_make_three_channels_unless_grey_is_asked_for() {
    let folder = two_classes();
    let red = RgbImage::from_pixel(2, 2, Rgb([255, 0, 10]));
    for name in ["dog/7.bmp", "dog/8.ppm", "dog/9.png"] {
        red.save(folder.path(name)).unwrap();
    }
    let parts = folder.read().unwrap();
    assert_eq!(parts.shape, [2, 2, 3]);
    assert_eq!(parts.train.inputs.row(0).to_vec(), [4, 4, 4, 50, 50, 50, 100, 100, 100, 200, 200, 200]);
    assert!((3..6).all(|row| parts.train.inputs.row(row).to_vec()[..3] == [255, 0, 10]));
    let grey = OpenOptions { grey: true, ..OpenOptions::default() };
    let parts = folder.load(&grey, &mut |_| {}).unwrap();
    // Pillow: Image.new("RGB", (1, 1), (255, 0, 10)).convert("L").getpixel((0, 0)) is 77.
    assert_eq!((parts.shape, parts.train.inputs[(4, 0)]), ([2, 2, 1], 77));
}

#[test]
fn transparent_pixels_are_white_and_grey_in_colours_is_told() {
    let folder = Folder::new();
    let clear = RgbaImage::from_pixel(1, 1, Rgba([0, 0, 0, 0]));
    clear.save(folder.path("a/1.png")).unwrap();
    RgbImage::from_pixel(1, 1, Rgb([9, 9, 9])).save(folder.path("b/2.png")).unwrap();
    let parts = folder.read().unwrap();
    assert_eq!(parts.train.inputs, ndarray::array![[255, 255, 255], [9, 9, 9]]);
    assert_eq!(
        parts.reading.notes,
        [
            "1 pictures have transparent pixels: they are shown on white",
            "no picture has colours: --grey makes one channel of three"
        ]
    );
}

#[test]
fn decoded_pictures_are_kept_until_a_file_changes() {
    let folder = two_classes();
    let decodes = |folder: &Folder| {
        let mut count = 0;
        let parts = folder.load(&OpenOptions::default(), &mut |progress| {
            count += usize::from(progress == LoadProgress::Pictures { decoded: 4, total: 4 });
        });
        (count, parts.unwrap().train)
    };
    let (first, samples) = decodes(&folder);
    assert_eq!((first, decodes(&folder)), (1, (0, samples)));
    folder.grey("cat/2.png", 77);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(10);
    fs::File::options().write(true).open(folder.path("cat/2.png")).unwrap().set_modified(later).unwrap();
    let (again, samples) = decodes(&folder);
    assert_eq!((again, samples.inputs[(1, 0)]), (1, 77));
    fs::remove_dir_all(folder.cache()).unwrap();
    fs::write(folder.cache(), b"a file in place of the folder").unwrap();
    assert_eq!(decodes(&folder).0, 1);
    assert!(Path::new(&folder.cache()).is_file());
}
