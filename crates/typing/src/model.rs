//! The trained classifier.

use std::sync::LazyLock;

use backstay_model::EdgeKind;
use serde::Deserialize;

use crate::data::{Direction, LABELS, NONE, word};
use crate::features::{COUNT, Features, names};
use crate::linear::{Matrix, exp, softmax};

/// Weights of the features for the eight labels and for the direction, and how sure it may be.
#[derive(Clone, PartialEq, Debug)]
pub struct Model {
    /// By label in the order of [`LABELS`], then by feature; the constant last.
    kinds: Matrix,
    /// By feature; the constant last. Above zero speaks for "forward".
    direction: Vec<f64>,
    /// Slope and offset that the log-odds of "there is a dependency" are corrected by; fitted out of
    /// fold, because raw scores are too sure of settings they have not seen.
    correction: [f64; 2],
}

/// What the classifier makes of one candidate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading {
    /// Probability of each label, in the order of [`LABELS`]; they sum to 1.
    pub probabilities: [f64; 8],
    /// Probability that the owner depends on the mentioned setting, if one does.
    pub forward: f64,
}

impl Reading {
    /// Probability that the sentence relates the two at all, in [0, 1].
    #[must_use]
    pub fn exists(&self) -> f64 {
        1.0 - self.probabilities[NONE]
    }

    /// The likeliest kind, and its probability if there is a dependency, in [0, 1].
    #[must_use]
    pub fn kind(&self) -> (EdgeKind, f64) {
        let mut best = (EdgeKind::Requires, f64::MIN);
        for (label, p) in LABELS.iter().zip(self.probabilities) {
            if let (Some(kind), true) = (label, p > best.1) {
                best = (*kind, p);
            }
        }
        (best.0, best.1 / self.exists().max(f64::MIN_POSITIVE))
    }

    /// The likelier direction.
    #[must_use]
    pub fn direction(&self) -> Direction {
        if self.forward >= 0.5 {
            Direction::Forward
        } else {
            Direction::Backward
        }
    }
}

/// The weights in this tree.
pub const WEIGHTS: &str = include_str!("../data/weights.json");

static SHIPPED: LazyLock<Model> =
    LazyLock::new(|| Model::parse(WEIGHTS).expect("the weights in the tree are read in a test"));

/// Weights could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// It is not JSON of this form.
    #[error("cannot read the weights")]
    Form {
        /// Why.
        #[from]
        source: serde_json::Error,
    },
    /// They are for other features than this program looks at.
    #[error("the weights are for other features: `{feature}`; train again")]
    Features {
        /// The first that differs.
        feature: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u32,
    columns: Vec<String>,
    correction: [f64; 2],
    weights: Vec<(String, Vec<f64>)>,
}

/// Form of the file.
const FORMAT: u32 = 1;
const CONSTANT: &str = "constant";

impl Model {
    /// The model trained on the examples in this tree.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    pub(crate) fn new(kinds: Matrix, direction: Vec<f64>, correction: [f64; 2]) -> Self {
        let kept = |line: Vec<f64>| line.into_iter().map(rounded).collect();
        Self {
            kinds: kinds.into_iter().map(kept).collect(),
            direction: kept(direction),
            correction: correction.map(rounded),
        }
    }

    /// What a candidate with these features says.
    #[must_use]
    pub fn read(&self, features: Features) -> Reading {
        let score = |line: &Vec<f64>| {
            let sum: f64 = features.active().filter_map(|i| line.get(i)).sum();
            sum + line.get(COUNT).copied().unwrap_or_default()
        };
        let scores: Vec<f64> = self.kinds.iter().map(score).collect();
        let [slope, offset] = self.correction;
        let log_odds = slope * log_odds(&scores) + offset;
        let exists = 1.0 / (1.0 + exp(-log_odds));
        let kinds = softmax(scores.get(..NONE).unwrap_or_default());
        let mut probabilities = [1.0 - exists; 8];
        for (to, kind) in probabilities.iter_mut().zip(kinds) {
            *to = exists * kind;
        }
        Reading {
            probabilities,
            forward: 1.0 / (1.0 + exp(-score(&self.direction))),
        }
    }

    /// Reads what [`Model::write`] wrote.
    ///
    /// # Errors
    /// `Form` when it is not such a file, `Features` when it was trained for other features.
    pub fn parse(text: &str) -> Result<Self, WeightsError> {
        let file: File = serde_json::from_str(text)?;
        let mut expected = names();
        expected.push(CONSTANT.to_owned());
        let fits = |(name, line): (&String, &(String, Vec<f64>))| {
            *name == line.0 && line.1.len() == LABELS.len() + 1
        };
        let wrong = expected.iter().zip(&file.weights).find(|pair| !fits(*pair));
        let known = file.format == FORMAT && file.columns == columns();
        if let (Some((name, _)), _) | (None, Some(name)) = (
            wrong,
            (file.weights.len() != expected.len() || !known).then(|| &expected[0]),
        ) {
            return Err(WeightsError::Features {
                feature: name.clone(),
            });
        }
        let column = |k: usize| file.weights.iter().map(|(_, line)| line[k]).collect();
        Ok(Self {
            kinds: (0..LABELS.len()).map(column).collect(),
            direction: column(LABELS.len()),
            correction: file.correction,
        })
    }

    /// The file of the weights: a line per feature.
    #[must_use]
    pub fn write(&self) -> String {
        let mut rows = names();
        rows.push(CONSTANT.to_owned());
        let columns: Vec<String> = columns().iter().map(|c| format!("\"{c}\"")).collect();
        let mut text = format!(
            "{{\n  \"format\": {FORMAT},\n  \"correction\": [{}, {}],\n  \"columns\": [{}],\n  \"weights\": [\n",
            self.correction[0],
            self.correction[1],
            columns.join(", ")
        );
        let lines: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let of = |line: &Vec<f64>| line.get(i).copied().unwrap_or_default().to_string();
                let mut numbers: Vec<String> = self.kinds.iter().map(of).collect();
                numbers.push(of(&self.direction));
                format!("    [\"{name}\", [{}]]", numbers.join(", "))
            })
            .collect();
        text.push_str(&format!("{}\n  ]\n}}\n", lines.join(",\n")));
        text
    }
}

/// Log-odds of any kind against "none", from the scores of all labels.
pub(crate) fn log_odds(scores: &[f64]) -> f64 {
    let (kinds, none) = scores.split_at(NONE.min(scores.len()));
    let top = kinds.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = kinds.iter().map(|s| exp(s - top)).sum();
    top + sum.ln() - none.first().copied().unwrap_or_default()
}

fn columns() -> Vec<String> {
    let labels = LABELS.iter().map(|l| word(*l).to_owned());
    labels.chain(["forward".to_owned()]).collect()
}

/// Four decimals: more is noise, and they survive writing and reading.
fn rounded(weight: f64) -> f64 {
    let kept = (weight * 10_000.0).round() / 10_000.0;
    // No minus before a zero.
    if kept.abs() < f64::MIN_POSITIVE {
        0.0
    } else {
        kept
    }
}
