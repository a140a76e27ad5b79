//! Inside a room: no circle of files, no crowded folder, and a Gaussian process that needs no study.
//!
//! A file imports another where one of its paths leads there: in `use`, in code, through `super` and through the
//! re-exports of a `mod.rs`. Faces (`mod.rs`) and tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ItemMod, ItemUse, Macro, Token, UseTree};

use crate::support::project;

/// The most files of a folder; `cli/commands` has one file per subcommand.
const MOST_FILES: usize = 16;

/// The names from the root of the crate to a module or an item.
type Name = Vec<String>;

/// A source file that is no test.
struct Source {
    path: PathBuf,
    is_face: bool,
    /// Paths in its code, from the root of the crate.
    paths: BTreeSet<Name>,
    /// What its `use` declarations call a name, from the root of the crate.
    aliases: BTreeMap<String, Name>,
}

/// Collects the paths of a file.
struct Paths<'a> {
    /// The module that the code belongs to.
    module: Name,
    children: &'a BTreeSet<Name>,
    paths: BTreeSet<Name>,
    aliases: BTreeMap<String, Name>,
}

impl Paths<'_> {
    /// `segments` from the root of the crate; `None` for names of other crates and of this scope.
    fn absolute(&self, segments: &[String]) -> Option<Name> {
        let mut base = self.module.clone();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => return Some(segments[1..].to_vec()),
            "self" => rest = &segments[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child if self.children.contains(&[base.clone(), vec![child.to_owned()]].concat()) => {}
            _ => return None,
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    fn add_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
            UseTree::Glob(_) => self.add_use(before.to_vec(), None),
            UseTree::Name(name) if name.ident == "self" => {
                self.add_use(before.to_vec(), before.last().cloned())
            }
            UseTree::Name(name) => self.add_use(with(name.ident.to_string()), Some(name.ident.to_string())),
            UseTree::Rename(rename) => {
                self.add_use(with(rename.ident.to_string()), Some(rename.rename.to_string()));
            }
        }
    }

    fn add_use(&mut self, segments: Name, alias: Option<String>) {
        let Some(path) = self.absolute(&segments) else { return };
        if let Some(alias) = alias {
            self.aliases.insert(alias, path.clone());
        }
        self.paths.insert(path);
    }
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_test(&item.attrs) {
            return;
        }
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_test(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Name = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1
            && let Some(path) = self.absolute(&segments)
        {
            self.paths.insert(path);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        if let Ok(arguments) = found.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
        visit::visit_macro(self, found);
    }
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg_test = attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test");
        is_cfg_test || attribute.path().is_ident("test")
    })
}

/// All files below `folder` whose names end in `.rs`, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder of sources")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    let below = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false if path.extension().is_some_and(|extension| extension == "rs") => vec![path],
        false => Vec::new(),
    };
    entries.into_iter().flat_map(below).collect()
}

/// The module of a file below `root`.
fn module(root: &Path, file: &Path) -> Name {
    let inside = file.strip_prefix(root).expect("below the root").with_extension("");
    let mut name: Name = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if name.last().is_some_and(|last| last == "mod" || last == "lib") {
        name.pop();
    }
    name
}

/// Every source file below `root` that is no test, by its module.
fn sources(root: &Path) -> BTreeMap<Name, Source> {
    let modules: BTreeMap<Name, PathBuf> = files(root)
        .into_iter()
        .filter(|file| !file.ends_with("main.rs"))
        .map(|file| (module(root, &file), file))
        .collect();
    let children: BTreeSet<Name> = modules.keys().cloned().collect();
    let parsed: BTreeMap<&Name, syn::File> = modules
        .iter()
        .map(|(name, file)| {
            let text = std::fs::read_to_string(file).expect("a source file");
            (name, syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
        })
        .collect();
    let mut tests: BTreeSet<Name> = BTreeSet::new();
    for (name, file) in &parsed {
        for item in &file.items {
            if let syn::Item::Mod(item) = item
                && is_test(&item.attrs)
            {
                tests.insert([name.as_slice(), &[item.ident.to_string()]].concat());
            }
        }
    }
    let is_of_tests = |name: &Name| (1..=name.len()).any(|length| tests.contains(&name[..length]));
    let kept = modules.iter().filter(|(name, _)| !is_of_tests(name));
    kept.map(|(name, path)| {
        let mut found = Paths {
            module: name.clone(),
            children: &children,
            paths: BTreeSet::new(),
            aliases: BTreeMap::new(),
        };
        found.visit_file(&parsed[name]);
        let is_face = path.ends_with("mod.rs") || path.ends_with("lib.rs");
        let source = Source { path: path.clone(), is_face, paths: found.paths, aliases: found.aliases };
        (name.clone(), source)
    })
    .collect()
}

/// The file that `path` leads to, through the re-exports of faces.
fn target<'s>(sources: &'s BTreeMap<Name, Source>, path: &[String]) -> Option<&'s Name> {
    let mut path = path.to_vec();
    for _ in 0..8 {
        let length = (0..=path.len()).rev().find(|&length| sources.contains_key(&path[..length]))?;
        let (name, source) = sources.get_key_value(&path[..length])?;
        let alias = path.get(length).filter(|_| source.is_face).and_then(|item| source.aliases.get(item));
        match alias {
            Some(alias) => path = [alias.as_slice(), &path[length + 1..]].concat(),
            None => return Some(name),
        }
    }
    None
}

/// The imports between the files of a room, faces left out.
fn imports(sources: &BTreeMap<Name, Source>) -> BTreeMap<&Name, BTreeSet<&Name>> {
    let inside = sources.iter().filter(|(_, source)| !source.is_face);
    inside
        .map(|(name, source)| {
            let targets = source.paths.iter().filter_map(|path| target(sources, path));
            let of_room =
                |other: &&Name| *other != name && other.first() == name.first() && !sources[*other].is_face;
            (name, targets.filter(of_room).collect())
        })
        .collect()
}

/// All files that `from` reaches by imports.
fn reached<'s>(imports: &BTreeMap<&'s Name, BTreeSet<&'s Name>>, from: &'s Name) -> BTreeSet<&'s Name> {
    let mut found = BTreeSet::new();
    let mut left = vec![from];
    while let Some(name) = left.pop() {
        left.extend(imports[name].iter().filter(|next| found.insert(**next)).copied());
    }
    found
}

/// The circles below `root`, each as the names of its files.
fn circles(root: &Path) -> Vec<Vec<String>> {
    let sources = sources(root);
    let imports = imports(&sources);
    let reach: BTreeMap<&Name, BTreeSet<&Name>> =
        imports.keys().map(|name| (*name, reached(&imports, name))).collect();
    let mut circles: BTreeSet<Vec<String>> = BTreeSet::new();
    for (name, others) in reach.iter().filter(|(name, others)| others.contains(*name)) {
        let circle = others.iter().filter(|other| reach[*other].contains(name));
        let shown = |name: &&Name| {
            sources[*name].path.strip_prefix(root).expect("below the root").display().to_string()
        };
        circles.insert(circle.map(shown).collect());
    }
    circles.into_iter().collect()
}

#[test]
fn no_files_of_a_room_import_each_other_in_a_circle() {
    assert!(files(&project().join("src")).len() > 200, "the sources are there");
    let circles = circles(&project().join("src"));
    assert!(circles.is_empty(), "circles of files: {circles:#?}");
}

#[test]
fn a_circle_is_found_through_super_use_trees_code_and_re_exports() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = folder.path().join("room");
    std::fs::create_dir(&room).expect("a folder");
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    file("lib.rs", "mod room;");
    file("room/mod.rs", "mod a;\nmod b;\nmod c;\nmod d;\npub use c::C;\nuse d::D as E;");
    file("room/a.rs", "use super::{b::{self, B}};\nfn f() { b::g(); }");
    file("room/b.rs", "pub struct B;\npub fn g() { crate::room::C::new(); }");
    file("room/c.rs", "use crate::room::E;\npub struct C;");
    file("room/d.rs", "pub struct D;\n#[cfg(test)]\nmod tests { use crate::room::a; }");
    assert!(circles(folder.path()).is_empty(), "tests do not count");
    file("room/d.rs", "pub struct D;\nfn f() { assert!(super::a::f()); }");
    assert_eq!(circles(folder.path()), [["room/a.rs", "room/b.rs", "room/c.rs", "room/d.rs"]]);
}

#[test]
fn no_folder_is_crowded() {
    let mut counts: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for file in files(&project().join("src")) {
        *counts.entry(file.parent().expect("a folder").to_owned()).or_default() += 1;
    }
    for (folder, count) in counts.iter().filter(|(folder, _)| !folder.ends_with("cli/commands")) {
        assert!(*count <= MOST_FILES, "{} has {count} files, at most {MOST_FILES}", folder.display());
    }
}

#[test]
fn the_gaussian_process_needs_no_study() {
    let sources = sources(&project().join("src"));
    let of_process = |name: &Name| name.starts_with(&["search".to_owned(), "gp".to_owned()]);
    let files: Vec<&Source> =
        sources.iter().filter(|(name, _)| of_process(name)).map(|(_, source)| source).collect();
    assert!(files.len() > 5, "the process is there");
    for file in files {
        for path in &file.paths {
            let is_below = of_process(path) || ["linalg", "seed"].contains(&path[0].as_str());
            assert!(is_below, "{} imports {}", file.path.display(), path.join("::"));
        }
    }
}
