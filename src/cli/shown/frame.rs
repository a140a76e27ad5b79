//! A running study as a few lines of text that fit a terminal, or as one line of a log.

use std::fmt::Write;
use std::time::Instant;

use console::{measure_text_width, truncate_str};

use super::board::{Board, RunningTraining, TimeLeft, Training};
use super::clock::duration;
use super::standing::{BestNow, FrontNow, best, ended, failures, front, paused};
use crate::units::digits;

/// The terminal that a frame fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    pub width: usize,
    pub height: usize,
    pub has_colours: bool,
}

/// The mark of a text that was cut.
const CUT: &str = "...";
/// The most lines for a front.
const FRONT: usize = 6;
/// The least and the most columns of the bar.
const BAR: [usize; 2] = [8, 30];
/// The most running trials that a line of a log names.
const LOGGED: usize = 4;

const BOLD: &str = "1";
const GREEN: &str = "32";
const RED: &str = "31";

/// A piece of a line. Where the line is too long, pieces at its end are left out.
struct Piece {
    text: String,
    colour: Option<&'static str>,
    /// Whether the beginning of it is worth showing.
    may_be_cut: bool,
}

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self { text, colour: None, may_be_cut: false }
    }
}

impl From<&str> for Piece {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

fn coloured(text: impl Into<String>, colour: &'static str) -> Piece {
    Piece { text: text.into(), colour: Some(colour), may_be_cut: false }
}

/// The lines that show `board` on `screen`. None is as wide as the screen, and they are fewer than its
/// rows.
pub(crate) fn frame(board: &Board, now: Instant, screen: Screen) -> Vec<String> {
    let rows = screen.height.saturating_sub(1).max(1);
    let mut lines = vec![counts(board), time(board, now, screen), best_line(board)];
    let left = rows.saturating_sub(lines.len());
    let front = front_lines(board, left.saturating_sub(board.running.len()).min(FRONT));
    lines.extend(running_lines(board, left.saturating_sub(front.len())));
    lines.extend(front);
    lines.truncate(rows);
    lines.into_iter().map(|pieces| fitted(pieces, screen)).collect()
}

/// `board` as one line of a log.
pub(crate) fn log_line(board: &Board, now: Instant) -> String {
    let text = |pieces: Vec<Piece>| pieces.into_iter().map(|piece| piece.text).collect::<String>();
    let mut line = text(counts(board));
    let _ = write!(line, "; {}; {}", time_text(board, now), text(best_line(board)));
    for (training, running) in board.running.iter().take(LOGGED) {
        let _ = write!(line, "; {}, {}", label(*training), progress(board, running));
    }
    if board.running.len() > LOGGED {
        let _ = write!(line, "; {} more are running", board.running.len() - LOGGED);
    }
    line
}

/// How many trials, trainings of the confirmation, failures and refusals there are.
fn counts(board: &Board) -> Vec<Piece> {
    let (done, failed) = ended(&board.study);
    let mut pieces: Vec<Piece> = match &board.confirming {
        Some(confirming) => vec![
            format!("confirming: {} of up to {} trainings", confirming.done, confirming.total).into(),
            format!(" of the {} best", confirming.candidates).into(),
            format!(", {done} trials").into(),
        ],
        None => vec![format!("{done} of {} trials", board.budget).into()],
    };
    let paused = paused(&board.study);
    if paused > 0 {
        pieces.push(format!(", {paused} paused").into());
    }
    if failed > 0 {
        pieces.push(coloured(format!(", {failed} failed"), RED));
        pieces.push(format!(" ({})", failures(&board.study)).into());
    }
    if board.refused > 0 {
        pieces.push(format!(", {} refused before training", board.refused).into());
    }
    pieces
}

/// The bar, the time left and the time so far.
fn time(board: &Board, now: Instant, screen: Screen) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = vec![left_text(board, now).into(), so_far(board, now).into()];
    let repeats = board.repeats_ahead();
    if repeats > 0 && board.confirming.is_none() {
        pieces.push(format!(", with about {repeats} trainings to confirm").into());
    }
    let taken: usize = pieces[..2].iter().map(|piece| measure_text_width(&piece.text)).sum();
    let room = screen.width.saturating_sub(taken + "[] ".len() + 1);
    if let (Some(share), true) = (board.share(now), room >= BAR[0]) {
        pieces.insert(0, " ".into());
        pieces.insert(0, coloured(bar(share, room.min(BAR[1])), GREEN));
    }
    pieces
}

/// A bar of `width` columns, of which `share` is filled.
fn bar(share: f64, width: usize) -> String {
    let filled = (share.clamp(0.0, 1.0) * width as f64) as usize;
    format!("[{}{}]", "#".repeat(filled), "-".repeat(width - filled))
}

fn time_text(board: &Board, now: Instant) -> String {
    format!("{}{}", left_text(board, now), so_far(board, now))
}

fn so_far(board: &Board, now: Instant) -> String {
    format!(", {} so far", duration(board.elapsed(now).as_secs_f64()))
}

fn left_text(board: &Board, now: Instant) -> String {
    match board.time_left(now) {
        TimeLeft::Unknown => "time left unknown".to_owned(),
        TimeLeft::Finishing => "testing and saving".to_owned(),
        TimeLeft::Seconds(left) => format!("about {} left", duration(left.max(1.0))),
    }
}

fn best_line(board: &Board) -> Vec<Piece> {
    let Some(BestNow { value, uncertainty, trial, seeds, remark }) = best(board) else {
        return vec!["best: none yet".into()];
    };
    let mut pieces = vec!["best ".into(), coloured(value, BOLD)];
    pieces.extend(uncertainty.map(|text| Piece::from(format!(" ({text})"))));
    pieces.push(format!(", {trial}").into());
    pieces.extend(seeds.map(|seeds| Piece::from(format!(", {seeds}"))));
    pieces.extend(remark.map(|text| Piece::from(format!(", {text}"))));
    pieces
}

/// A line for each running training, at most `rows`.
fn running_lines(board: &Board, rows: usize) -> Vec<Vec<Piece>> {
    let labels: Vec<String> = board.running.keys().map(|training| label(*training)).collect();
    let steps: Vec<String> = board.running.values().map(|running| progress(board, running)).collect();
    let widest = |texts: &[String]| texts.iter().map(String::len).max().unwrap_or(0);
    let (label_width, steps_width) = (widest(&labels), widest(&steps));
    let line = |((label, steps), running): ((&String, &String), &RunningTraining)| {
        vec![
            Piece::from(format!("{label:<label_width$}  {steps:<steps_width$}")),
            Piece { may_be_cut: true, ..format!("  {}", what_runs(running)).into() },
        ]
    };
    let mut lines: Vec<Vec<Piece>> =
        labels.iter().zip(&steps).zip(board.running.values()).map(line).collect();
    if lines.len() > rows {
        let shown = rows.saturating_sub(1);
        let more = format!("and {} more", lines.len() - shown);
        lines.truncate(shown);
        lines.push(vec![more.into()]);
        lines.truncate(rows);
    }
    lines
}

fn label((trial, repeat): Training) -> String {
    repeat.map_or_else(|| format!("trial {trial}"), |repeat| format!("trial {trial} seed {repeat}"))
}

/// How far a training is, and its last value: `epoch 3 of 20  0.9612`.
fn progress(board: &Board, running: &RunningTraining) -> String {
    let step = if board.of_networks { "epoch" } else { "step" };
    // A fold that failed is trained again, which no outlook foresees.
    let steps = running.outlook.steps.filter(|&steps| running.step <= steps);
    let of = steps.map_or(String::new(), |steps| format!(" of {steps}"));
    match (running.step, running.value) {
        (0, _) => running.outlook.steps.map_or("running".to_owned(), |steps| format!("{step} 0 of {steps}")),
        (done, None) => format!("{step} {done}{of}"),
        (done, Some(value)) => format!("{step} {done}{of}  {}", digits(value)),
    }
}

/// The network that is trained, or the parameters of a command.
fn what_runs(running: &RunningTraining) -> String {
    let parameters = || {
        let parameters = running.point.iter().map(|(name, value)| format!("{name}={value}"));
        parameters.collect::<Vec<_>>().join(" ")
    };
    running.outlook.network.clone().unwrap_or_else(parameters)
}

/// The front of several metrics, in at most `rows` lines.
fn front_lines(board: &Board, rows: usize) -> Vec<Vec<Piece>> {
    let Some(FrontNow { metrics, trials }) = front(board).filter(|_| rows >= 2) else { return Vec::new() };
    let count = trials.len();
    let shown = if count < rows { count } else { rows - 2 };
    let columns = trials.first().map_or(0, |(_, values)| values.len());
    let width = |at: usize| trials.iter().map(|(_, values)| values[at].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let number = trials.iter().map(|(trial, _)| trial.to_string().len()).max().unwrap_or(0);
    let mut lines = vec![vec![format!("front of {count}: {metrics}").into()]];
    for (trial, values) in trials.iter().take(shown) {
        let cells = values.iter().zip(&widths).map(|(value, width)| format!("  {value:<width$}"));
        lines.push(vec![format!("  trial {trial:<number$}{}", cells.collect::<String>()).into()]);
    }
    if shown < count {
        lines.push(vec![format!("  and {} more", count - shown).into()]);
    }
    lines
}

/// The line of `pieces`, as many as fit. The first is cut where it is too wide by itself.
fn fitted(mut pieces: Vec<Piece>, screen: Screen) -> String {
    if let Some(last) = pieces.last_mut() {
        last.text.truncate(last.text.trim_end().len());
    }
    let most = screen.width.saturating_sub(1).max(1);
    let (mut line, mut width) = (String::new(), 0);
    for (at, Piece { text, colour, may_be_cut }) in pieces.into_iter().enumerate() {
        let text = plain(&text);
        let rest = most - width;
        let is_wide = measure_text_width(&text) > rest;
        // What would be cut to nearly nothing says nothing.
        if is_wide && at > 0 && (!may_be_cut || rest < 2 * CUT.len() + 2) {
            break;
        }
        let text = truncate_str(&text, rest, if rest > CUT.len() { CUT } else { "" });
        width += measure_text_width(&text);
        match colour.filter(|_| screen.has_colours) {
            Some(colour) => {
                let _ = write!(line, "\x1b[{colour}m{text}\x1b[0m");
            }
            None => line += &text,
        }
        if is_wide {
            break;
        }
    }
    line
}

/// `text` without control characters, which would move the cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::shown::board::tests::{board, observe};
    use crate::space::Point;
    use crate::tuner::Event;

    /// A board with two running trials, and the time of the second look.
    fn running() -> (Board, Instant) {
        let (mut board, begin) = board();
        for trial in [2, 3] {
            observe(&mut board, Event::TrialStarted { trial, point: Point::default() }, begin);
        }
        let now = begin + Duration::from_secs(5);
        observe(&mut board, Event::TrialReported { trial: 2, step: 10, value: 0.9612 }, now);
        (board, now)
    }

    fn shown(width: usize, height: usize) -> Vec<String> {
        let (board, now) = running();
        frame(&board, now, Screen { width, height, has_colours: false })
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        let lines = shown(200, 50);
        let expected = [
            "2 of 10 trials, 1 failed (1 too large), 31 refused before training",
            "[##----------------------------] about 1 min 5 s left, 5 s so far, with about 5 trainings to confirm",
            "best 0.9500 (0.918 to 0.970), trial 0, 95 % interval on the validation set",
            "trial 2  epoch 10 of 20  0.9612  8x8x1-256-64-10x10",
            "trial 3  epoch 0 of 20           8x8x1-256-64-10x10",
            "front of 1: accuracy, energy",
            "  trial 0  0.9500  25.00 nJ",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_training_that_takes_longer_than_foreseen_has_no_total() {
        let (mut board, now) = running();
        observe(&mut board, Event::TrialReported { trial: 2, step: 21, value: 0.5 }, now);
        let lines = frame(&board, now, Screen { width: 200, height: 50, has_colours: false });
        assert!(lines.iter().any(|line| line.starts_with("trial 2  epoch 21  0.5000 ")), "{lines:?}");
    }

    #[test]
    fn a_narrow_terminal_keeps_what_matters_most() {
        let lines = shown(40, 50);
        let expected = [
            "2 of 10 trials, 1 failed (1 too large)",
            "about 1 min 5 s left, 5 s so far",
            "best 0.9500 (0.918 to 0.970), trial 0",
            "trial 2  epoch 10 of 20  0.9612  8x8...",
            "trial 3  epoch 0 of 20           8x8...",
        ];
        assert_eq!(lines[..5], expected);
    }

    #[test]
    fn no_line_is_as_wide_as_the_screen_and_all_fit_its_rows() {
        for width in 1..210 {
            for height in [1, 2, 4, 6, 8, 40] {
                let lines = shown(width, height);
                assert!(lines.len() < height.max(2), "{width} x {height}: {lines:?}");
                let widest = lines.iter().map(|line| measure_text_width(line)).max().unwrap_or(0);
                assert!(widest < width.max(2), "{width} x {height}: {lines:?}");
            }
        }
    }

    #[test]
    fn colours_change_no_width() {
        let (board, now) = running();
        let look = |has_colours| frame(&board, now, Screen { width: 60, height: 20, has_colours });
        let (with, without) = (look(true), look(false));
        assert!(with.iter().any(|line| line.contains("\x1b[1m0.9500\x1b[0m")), "{with:?}");
        assert!(without.iter().all(|line| !line.contains('\x1b')));
        let widths = |lines: &[String]| lines.iter().map(|line| measure_text_width(line)).collect::<Vec<_>>();
        assert_eq!(widths(&with), widths(&without));
    }

    #[test]
    fn a_log_gets_all_in_one_line() {
        let (board, now) = running();
        assert_eq!(
            log_line(&board, now),
            "2 of 10 trials, 1 failed (1 too large), 31 refused before training; about 1 min 5 s left, 5 s so \
             far; best 0.9500 (0.918 to 0.970), trial 0, 95 % interval on the validation set; trial 2, epoch 10 of \
             20  0.9612; trial 3, epoch 0 of 20"
        );
    }
}
