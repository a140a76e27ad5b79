//! A browser opens the page of `tune report` and uses it as a person does: `tests/browser/drive.js`.
//!
//! Needs Chromium: `chromium`, or the program that TUNE_BROWSER names. Without it the tests are
//! listed as ignored.

use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value as Json;
use spiketune::space::Space;

const DRIVE: &str = include_str!("browser/drive.js");
/// Names that must not become code: of a space, a choice, a study and a reason.
const SPACE: &str = r#"{"name": "</script>", "parameters": {
    "x": {"type": "float", "low": 0.001, "high": 1, "log": true},
    "<b>kind</b>": {"type": "categorical", "choices": ["a", "<script>alert(1)</script>"]},
    "n": {"type": "int", "low": 1, "high": 9, "when": {"<b>kind</b>": ["a"]}}
}, "relations": ["x <= 2", "n + x <= 20"]}"#;
const STUDY: &str = "<script>alert(2)</script><img src=x onerror=alert(3)>";
const COMMAND: &str = r#"sh -c 'case $0 in 0.9*|1*) echo "<img src=x onerror=alert(4)>" >&2; exit 1;; esac
    echo "{\"step\": 1, \"value\": 2}"; echo "{\"value\": $0}"' {x}"#;
const TRIALS: &str = "24";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let browser = std::env::var("TUNE_BROWSER").unwrap_or_else(|_| "chromium".to_owned());
    let is_missing =
        !Command::new(&browser).arg("--version").output().is_ok_and(|output| output.status.success());
    let (shown, used) = (browser.clone(), browser);
    let tests = vec![
        Trial::test("a_browser_shows_every_chart_under_the_policy_of_the_page", move || is_shown(&shown))
            .with_ignored_flag(is_missing),
        Trial::test("brushes_sliders_keys_and_the_table_share_one_selection", move || is_used(&used))
            .with_ignored_flag(is_missing),
    ];
    libtest_mimic::run(&arguments, tests).exit_code()
}

/// The page of a small study in `folder`.
fn page(folder: &Path) -> Result<String, Failed> {
    std::fs::write(folder.join("space.json"), SPACE)?;
    let run =
        ["run", "--command", COMMAND, "--space", "space.json", "--metric", "loss:min", "--search", "sobol"];
    let rest = ["--study", STUDY, "--budget", TRIALS, "--confirm", "2", "--quiet"];
    tune(folder, &[&run[..], &rest[..]].concat())?;
    tune(folder, &["report", "-o", "report.html"])?;
    Ok(std::fs::read_to_string(folder.join("report.html"))?)
}

fn tune(folder: &Path, args: &[&str]) -> Result<(), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tune"));
    let output = command.current_dir(folder).env_remove("TUNE_STORAGE").args(args).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
    }
}

/// What the page `file` in `folder` has become in `browser`.
fn opened(browser: &str, folder: &Path, file: &str) -> Result<String, Failed> {
    let profile = format!("--user-data-dir={}", folder.join("browser").display());
    let address = format!("file://{}", folder.join(file).display());
    // Without a sandbox, since the tests of a container run as root; the page is our own.
    let options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"];
    let mut command = Command::new(browser);
    let output = command.args(options).args([&profile, "--dump-dom", &address]).output()?;
    Ok(String::from_utf8(output.stdout)?)
}

fn is_shown(browser: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    page(folder.path())?;
    let shown = opened(browser, folder.path(), "report.html")?;
    assert!(shown.contains("data-ready=\"true\""), "the script of the page runs to its end");
    assert!(shown.matches("<figure").count() >= 6, "the charts are there");
    assert!(shown.contains("&lt;script&gt;alert(2)"), "the name of the study is text");
    Ok(())
}

fn is_used(browser: &str) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let page = page(folder.path())?;
    let (head, rest) = page.split_once("<meta http-equiv=\"Content-Security-Policy\"").ok_or("a policy")?;
    let (_, rest) = rest.split_once('>').ok_or("its end")?;
    let data = "<script type=\"application/json\"";
    let driven = format!("{head}{rest}").replacen(data, &format!("<script>{DRIVE}</script>{data}"), 1);
    std::fs::write(folder.path().join("driven.html"), driven)?;
    // A browser whose threads start late may end the page's time before the page was used to its end.
    for _ in 0..3 {
        let shown = opened(browser, folder.path(), "driven.html")?;
        if let Some((_, seen)) = shown.split_once("data-seen=\"") {
            let seen = seen.split_once('"').ok_or("an end")?.0.replace("&quot;", "\"").replace("&lt;", "<");
            let seen: Json = serde_json::from_str(&seen.replace("&gt;", ">").replace("&amp;", "&"))?;
            check(&seen);
            return Ok(());
        }
    }
    Err("the page was not used to its end, three times".into())
}

/// Checks what the page has done.
fn check(seen: &Json) {
    assert_eq!(seen["problems"], serde_json::json!([]), "no error and no alert");
    let selected = |step: &str| seen[step]["selected"].as_u64().unwrap_or_else(|| panic!("{step}: {seen}"));
    let all = selected("start");
    assert_eq!(all.to_string(), TRIALS);
    for step in ["start", "brushed", "cleared", "keyed", "best", "typed"] {
        assert_eq!(seen[step]["rows"], selected(step), "{step}: the table follows");
        assert_eq!(seen[step]["grey"], all - selected(step), "{step}: the rest is grey");
    }
    // Half of the log axis has half of a Sobol' sequence.
    assert!(selected("brushed").abs_diff(all / 2) <= 1, "{seen}");
    assert_eq!(selected("cleared"), all);
    assert!(selected("keyed") < all && selected("best") < all && selected("typed") < all, "{seen}");
    let space = Space::from_json(seen["space"].as_str().expect("a space"), "copied").expect("a valid space");
    let x = space.parameter("x").expect("a parameter").domain.to_string();
    assert!(x.starts_with("a number from 0.001 to 0.03"), "{x}");
    // Without n, which its only kind made active, a relation of n has no meaning.
    let related = seen["related"].as_str().expect("a space");
    let json: Json = serde_json::from_str(related).expect("JSON");
    assert_eq!((&json["parameters"]["n"], &json["relations"]), (&Json::Null, &serde_json::json!(["x <= 2"])));
    Space::from_json(related, "copied").expect("a valid space");
    assert!(seen["picked"].as_str().is_some_and(|text| text.contains("Trial 0, complete")), "{seen}");
    assert_eq!((&seen["closed"], &seen["sort"]), (&Json::Bool(true), &Json::from("descending")));
    assert_eq!(seen["sorted"], serde_json::json!([all - 1, all - 2]));
    let svg = seen["svg"].as_str().expect("a saved chart");
    assert!(
        svg.starts_with("<svg") && !svg.contains("var(--") && !svg.contains("class="),
        "styles are in it"
    );
    assert_eq!((&seen["images"], &seen["unnamed"]), (&Json::from(0), &Json::from(0)), "{seen}");
    assert_eq!(seen["charts"], seen["buttons"], "every chart can be saved");
    assert!(seen["wide"].as_i64().is_some_and(|wide| wide <= 0), "the page is as wide as its window");
}
