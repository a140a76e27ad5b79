//! `--metric NAME:DIRECTION`: the values that a command or a script measures.

use anyhow::{Result, bail};

use crate::study::{Direction, Metric};

/// Reads a metric and its direction, such as `loss:minimize` or `accuracy:max`.
pub(crate) fn metric(text: &str) -> Result<Metric, String> {
    let (name, direction) = text.rsplit_once(':').ok_or("must be NAME:minimize or NAME:maximize")?;
    let direction = match direction {
        "minimize" | "min" => Direction::Minimize,
        "maximize" | "max" => Direction::Maximize,
        other => return Err(format!("direction \"{other}\": must be minimize or maximize")),
    };
    match name.is_empty() {
        true => Err("must have a name before the colon".to_owned()),
        false => Ok(Metric { name: name.to_owned(), direction }),
    }
}

/// Refuses an empty list of metrics and two metrics of one name.
///
/// # Errors
/// The message names the metric and the way out.
pub(crate) fn check_metrics(metrics: &[Metric]) -> Result<()> {
    if metrics.is_empty() {
        bail!("metrics = []: a study needs at least one");
    }
    for (index, metric) in metrics.iter().enumerate() {
        if metrics[..index].iter().any(|other| other.name == metric.name) {
            bail!("metric {}: is named twice: give each another name", metric.name);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_a_name_and_a_direction() {
        assert_eq!(metric("loss:minimize"), Ok(Metric::minimize("loss")));
        assert_eq!(metric("top:1:max"), Ok(Metric::maximize("top:1")));
        assert_eq!(metric("loss"), Err("must be NAME:minimize or NAME:maximize".to_owned()));
        assert!(metric("loss:down").is_err_and(|problem| problem.contains("\"down\"")));
        assert!(metric(":min").is_err());
    }

    #[test]
    fn each_metric_has_a_name_of_its_own() {
        let problem = |metrics: &[Metric]| check_metrics(metrics).err().map(|error| error.to_string());
        assert_eq!(problem(&[Metric::minimize("a"), Metric::maximize("b")]), None);
        let twice = [Metric::minimize("a"), Metric::maximize("a")];
        assert!(problem(&twice).is_some_and(|problem| problem.starts_with("metric a: ")));
        assert!(problem(&[]).is_some_and(|problem| problem.contains("at least one")));
    }
}
