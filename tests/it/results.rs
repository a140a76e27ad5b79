//! The published results: the page says what its summaries say, and the winners beside it can be made again.

use serde_json::Value as Json;

use crate::support::{Tune, project, validate};

/// The winners in `configs/winners`: name and content.
fn winners() -> Vec<(String, Json)> {
    let files = std::fs::read_dir(project().join("configs/winners")).expect("a folder");
    let mut found: Vec<_> = files
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a file");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

#[test]
fn every_winner_names_its_data_without_a_folder() {
    let winners = winners();
    assert!(!winners.is_empty());
    for (name, best) in winners {
        validate("best", &best);
        let command = best["command"].as_str().expect("a command line");
        assert!(!command.contains('/') && !command.contains('\\'), "{name}: {command}");
        assert!(best["test"]["values"].as_array().is_some_and(|values| values.len() >= 3), "{name}");
    }
}

/// Whether this processor rounds products and sums once, as the one did that made the winners.
fn rounds_once() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

#[test]
fn the_winner_of_digits_is_made_again_bit_for_bit_from_any_folder() {
    if !rounds_once() {
        eprintln!("not checked: this processor rounds in another way");
        return;
    }
    let file = project().join("configs/winners/digits.json");
    let ended = Tune::new().run(&["rerun", &file.to_string_lossy()]).success();
    assert!(
        ended.stdout.contains("same: 5 values on the validation set and 5 on the test set"),
        "{}",
        ended.stdout
    );
}

#[test]
fn the_page_says_what_the_summaries_say() {
    let page = project().join("benches/results/page.py");
    let Ok(ended) = std::process::Command::new("python3").arg(page).arg("--check").output() else {
        eprintln!("not checked: no python3 here");
        return;
    };
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
