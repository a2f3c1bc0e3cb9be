//! NAB's score of the score stream, and how close the scorer is to NAB's.

use backstay_detect::scores;

use super::scoring::{self, PROFILES, Score};
use super::{Series, gaussian, published};

/// A series whose yardstick score differs by more than this from what NAB publishes is named.
const CLOSE: f64 = 1e-6;

/// What the corpus that is at hand gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Files and labelled windows.
    pub size: (usize, usize),
    /// By profile: ours, and `windowedGaussian`, each at the threshold that suits it best.
    pub scores: [(Score, Score); 3],
    /// By profile: `windowedGaussian` at the threshold NAB published it with.
    pub at_published: [f64; 3],
    /// The same by NAB's own raw scores of these files, standard profile.
    pub published: f64,
    /// Largest difference of a file's raw score from what NAB publishes, and files that differ.
    pub differs: (f64, Vec<String>),
}

/// Scores a corpus.
#[must_use]
pub fn report(corpus: &[Series]) -> Report {
    let windows = corpus.iter().map(|s| s.windows.len()).sum();
    let ours: Vec<Vec<f64>> = corpus.iter().map(|s| scores(&s.rows)).collect();
    let yardstick = yardstick(corpus);
    let total = |profile| -> f64 {
        let each = corpus.iter().zip(&yardstick);
        each.map(|(s, scores)| scoring::raw(s, scores, profile, published::THRESHOLD))
            .sum()
    };
    let [standard, _, _] = PROFILES;
    let theirs: f64 = published::STANDARD.iter().map(|(_, raw)| raw).sum();
    Report {
        size: (corpus.len(), windows),
        scores: PROFILES.map(|p| {
            (
                scoring::best(corpus, &ours, p),
                scoring::best(corpus, &yardstick, p),
            )
        }),
        at_published: PROFILES.map(|p| scoring::normal(total(p), windows, p)),
        published: scoring::normal(theirs, windows, standard),
        differs: differs(corpus, &yardstick),
    }
}

/// Scores of `windowedGaussian` as NAB's files of results hold them: with twelve digits, so that what
/// is nearly 1 is 1, and reaches the published threshold.
fn yardstick(corpus: &[Series]) -> Vec<Vec<f64>> {
    let written = |score: f64| (score * 1e12).round() / 1e12;
    corpus
        .iter()
        .map(|s| gaussian::scores(&s.rows).into_iter().map(written).collect())
        .collect()
}

fn differs(corpus: &[Series], yardstick: &[Vec<f64>]) -> (f64, Vec<String>) {
    let (mut most, mut names) = (0.0_f64, Vec::new());
    for (series, scores) in corpus.iter().zip(yardstick) {
        let Some((_, theirs)) = published::STANDARD.iter().find(|(n, _)| *n == series.name) else {
            continue;
        };
        let ours = scoring::raw(series, scores, PROFILES[0], published::THRESHOLD);
        let off = (ours - theirs).abs();
        most = most.max(off);
        if off > CLOSE {
            names.push(format!(
                "{} ({ours:.4}, published {theirs:.4})",
                series.name
            ));
        }
    }
    (most, names)
}

/// As Markdown.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let (files, windows) = report.size;
    let mut text = format!(
        "{files} of NAB's 58 files are at hand, with {windows} of its 116 windows; each detector at the one \
         threshold that suits it best on them.\n\n\
         | profile | Backstay, `detect --scores` | windowedGaussian | windowedGaussian at NAB's own threshold |\n\
         |---|---|---|---|\n"
    );
    for ((profile, (ours, yardstick)), fixed) in
        PROFILES.iter().zip(&report.scores).zip(report.at_published)
    {
        text.push_str(&format!(
            "| {} | {:.2} (threshold {:.6}) | {:.2} | {fixed:.2} |\n",
            profile.name, ours.normal, ours.threshold, yardstick.normal
        ));
    }
    text.push_str(&format!(
        "\nThe scorer against NAB's: from the raw scores that NAB publishes of windowedGaussian on these files \
         follows {:.2} (standard), ours gives {:.2}; the largest difference of a file is {:.1e}.\n",
        report.published, report.at_published[0], report.differs.0
    ));
    for name in &report.differs.1 {
        text.push_str(&format!("- differs: {name}\n"));
    }
    text
}

#[cfg(test)]
mod tests;
