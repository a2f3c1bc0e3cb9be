//! How good the classifier is on settings it has not seen.

use backstay_model::EdgeKind;

use crate::baseline;
use crate::data::{Direction, Example, LABELS, Label, NONE, place, word};
use crate::model::Reading;
use crate::train::{FOLDS, cross_validated, train_plain};

/// What was said of an example, beside its label.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Judged {
    /// The true label.
    pub label: Label,
    /// The true direction.
    pub direction: Option<Direction>,
    /// The label that was given.
    pub said: Label,
    /// The direction that was given, whatever the label.
    pub way: Direction,
    /// Probabilities of all labels, where they were given.
    pub probabilities: Option<[f64; 8]>,
}

impl Judged {
    fn read(example: &Example, reading: &Reading) -> Self {
        Self {
            label: example.label,
            direction: example.direction,
            said: (reading.exists() >= 0.5).then(|| reading.kind().0),
            way: reading.direction(),
            probabilities: Some(reading.probabilities),
        }
    }

    fn by_cues(example: &Example) -> Self {
        Self {
            label: example.label,
            direction: example.direction,
            said: baseline::read(example.features),
            way: Direction::Forward,
            probabilities: None,
        }
    }

    /// Label and, where it has one, direction are right.
    fn exact(&self) -> bool {
        self.said == self.label && self.direction.is_none_or(|d| d == self.way)
    }
}

/// Shares in [0, 1] over a set of examples.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scores {
    /// Examples.
    pub n: usize,
    /// Right labels, "none" among them.
    pub accuracy: f64,
    /// Right labels among the examples that are a dependency.
    pub kind_accuracy: f64,
    /// Whether there is a dependency: precision, recall and their harmonic mean.
    pub exists: [f64; 3],
    /// Kind and direction are right: precision, recall and their harmonic mean.
    pub strict: [f64; 3],
    /// The same, with kinds merged as in the design note and direction left out.
    pub lenient: [f64; 3],
    /// Right directions among the examples that have one.
    pub direction: f64,
    /// Mean of the kinds' harmonic means.
    pub macro_f1: f64,
}

/// Precision, recall and their harmonic mean from counts.
fn harmonic(right: usize, said: usize, wanted: usize) -> [f64; 3] {
    let share = |of: usize| right as f64 / of.max(1) as f64;
    let (p, r) = (share(said), share(wanted));
    [
        p,
        r,
        if right == 0 {
            0.0
        } else {
            2.0 * p * r / (p + r)
        },
    ]
}

/// Kinds that are hard to tell apart count as one (design note, section 18).
fn merged(label: Label) -> usize {
    match label {
        Some(EdgeKind::Requires | EdgeKind::Enables) => 0,
        Some(EdgeKind::BoundedBy | EdgeKind::ScalesWith) => 1,
        other => place(other) + 2,
    }
}

impl Scores {
    /// Over `judged`.
    #[must_use]
    pub fn of(judged: &[Judged]) -> Self {
        let count = |f: &dyn Fn(&Judged) -> bool| judged.iter().filter(|j| f(j)).count();
        let said = count(&|j| j.said.is_some());
        let wanted = count(&|j| j.label.is_some());
        let both = count(&|j| j.said.is_some() && j.label.is_some());
        let exact = count(&|j| j.label.is_some() && j.exact());
        let lenient = count(&|j| j.label.is_some() && merged(j.said) == merged(j.label));
        let directed = count(&|j| j.direction.is_some());
        let ways = count(&|j| j.direction.is_some_and(|d| d == j.way));
        let kinds = count(&|j| j.label.is_some() && j.said == j.label);
        let f1: f64 = LABELS[..NONE]
            .iter()
            .map(|l| Self::of_kind(judged, *l)[2])
            .sum();
        Self {
            n: judged.len(),
            accuracy: count(&|j| j.said == j.label) as f64 / judged.len().max(1) as f64,
            kind_accuracy: kinds as f64 / wanted.max(1) as f64,
            exists: harmonic(both, said, wanted),
            strict: harmonic(exact, said, wanted),
            lenient: harmonic(lenient, said, wanted),
            direction: ways as f64 / directed.max(1) as f64,
            macro_f1: f1 / NONE as f64,
        }
    }

    /// Precision, recall and harmonic mean of one label.
    #[must_use]
    pub fn of_kind(judged: &[Judged], label: Label) -> [f64; 3] {
        let count = |f: &dyn Fn(&Judged) -> bool| judged.iter().filter(|j| f(j)).count();
        harmonic(
            count(&|j| j.said == label && j.label == label),
            count(&|j| j.said == label),
            count(&|j| j.label == label),
        )
    }
}

/// How well stated probabilities agree with what is true.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration {
    /// Mean distance between stated probability and share of hits in ten bins, weighted by size.
    pub ece: f64,
    /// Mean squared distance between probability and truth.
    pub brier: f64,
}

impl Calibration {
    /// Of pairs of a stated probability and whether it was so.
    #[must_use]
    pub fn of(stated: &[(f64, bool)]) -> Self {
        let n = stated.len().max(1) as f64;
        let truth = |t: bool| f64::from(u8::from(t));
        let brier: f64 = stated.iter().map(|(p, t)| (p - truth(*t)).powi(2)).sum();
        let mut bins = [(0.0, 0.0); 10];
        for (p, t) in stated {
            let bin = (0..9).find(|i| *p < f64::from(i + 1) / 10.0).unwrap_or(9) as usize;
            bins[bin].0 += p;
            bins[bin].1 += truth(*t);
        }
        let gaps: f64 = bins.iter().map(|(p, t)| (p - t).abs()).sum();
        Self {
            ece: gaps / n,
            brier: brier / n,
        }
    }

    /// Of "there is a dependency".
    #[must_use]
    pub fn of_existence(judged: &[Judged]) -> Self {
        let stated = |j: &Judged| Some((1.0 - j.probabilities?[NONE], j.label.is_some()));
        Self::of(&judged.iter().filter_map(stated).collect::<Vec<_>>())
    }

    /// Of one label.
    #[must_use]
    pub fn of_label(judged: &[Judged], label: Label) -> Self {
        let stated = |j: &Judged| Some((j.probabilities?[place(label)], j.label == label));
        Self::of(&judged.iter().filter_map(stated).collect::<Vec<_>>())
    }
}

/// Every example from documentation, judged by a model that has seen neither it nor its family.
#[must_use]
pub fn unseen(examples: &[Example]) -> Vec<Judged> {
    let judged = judged_examples(examples);
    judged.into_iter().map(|(_, judged)| judged).collect()
}

/// The same, each beside its example.
#[must_use]
pub fn judged_examples(examples: &[Example]) -> Vec<(&Example, Judged)> {
    let mut judged = Vec::new();
    for (model, tested) in cross_validated(examples) {
        let one = |e| (e, Judged::read(e, &model.read(e.features)));
        judged.extend(tested.into_iter().map(one));
    }
    judged
}

/// Every example that `tested` picks, judged by a model trained on the others and our own sentences.
#[must_use]
pub fn transferred(examples: &[Example], tested: impl Fn(&Example) -> bool) -> Vec<Judged> {
    let seen: Vec<Example> = examples.iter().filter(|e| !tested(e)).cloned().collect();
    let model = train_plain(&seen);
    let unseen = examples.iter().filter(|e| e.documented() && tested(e));
    unseen
        .map(|e| Judged::read(e, &model.read(e.features)))
        .collect()
}

/// Every example from documentation, judged by the first class of cue words that fits.
#[must_use]
pub fn by_cues(examples: &[Example]) -> Vec<Judged> {
    let documented = examples.iter().filter(|e| e.documented());
    documented.map(Judged::by_cues).collect()
}

/// The page of scores, in Markdown.
#[must_use]
pub fn page(examples: &[Example]) -> String {
    let judged = unseen(examples);
    let cues = by_cues(examples);
    let engine = |name: &'static str| move |e: &Example| e.engine == name;
    let ours = |e: &Example| e.documented();
    let rows = [
        ("classifier, unseen families", judged.clone()),
        ("first-match cue classes, owner = from", cues),
        (
            "classifier, all PostgreSQL unseen",
            transferred(examples, engine("postgresql")),
        ),
        (
            "classifier, only PostgreSQL and ours seen",
            transferred(examples, |e| e.documented() && e.engine != "postgresql"),
        ),
        (
            "classifier, only our own sentences seen",
            transferred(examples, ours),
        ),
    ];
    let mut page = head(examples);
    page += "\n## Together\n\n| read by | pairs | accuracy | right kind, of real ones | exists P/R/F1 | strict typed directed P/R/F1 | merged kinds F1 | direction | macro F1 |\n|---|---|---|---|---|---|---|---|---|\n";
    for (name, judged) in &rows {
        let s = Scores::of(judged);
        let three = |x: [f64; 3]| format!("{:.2} / {:.2} / {:.2}", x[0], x[1], x[2]);
        page.push_str(&format!(
            "| {name} | {} | {:.3} | {:.3} | {} | {} | {:.3} | {:.3} | {:.3} |\n",
            s.n,
            s.accuracy,
            s.kind_accuracy,
            three(s.exists),
            three(s.strict),
            s.lenient[2],
            s.direction,
            s.macro_f1
        ));
    }
    page += &kinds(&judged);
    page += &confusion(&judged);
    page += &calibration(&judged);
    page
}

fn head(examples: &[Example]) -> String {
    let documented = examples.iter().filter(|e| e.documented()).count();
    format!(
        "# Scores of the sentence classifier\n\nWritten by `cargo run -p backstay-extract -- train`. {documented} labelled pairs from documentation, {} sentences of our own (always trained on, never tested). {FOLDS}-fold cross-validation by family of settings: no family, and no sentence, is both trained on and tested. One reader's labels, so the ceiling is not 1.\n",
        examples.len() - documented
    )
}

fn kinds(judged: &[Judged]) -> String {
    let mut text = String::from(
        "\n## By kind, unseen families\n\n| kind | examples | precision | recall | F1 | ECE | Brier |\n|---|---|---|---|---|---|---|\n",
    );
    for label in LABELS {
        let n = judged.iter().filter(|j| j.label == label).count();
        let [p, r, f] = Scores::of_kind(judged, label);
        let c = Calibration::of_label(judged, label);
        text.push_str(&format!(
            "| {} | {n} | {p:.3} | {r:.3} | {f:.3} | {:.3} | {:.3} |\n",
            word(label),
            c.ece,
            c.brier
        ));
    }
    text
}

fn confusion(judged: &[Judged]) -> String {
    let heads: Vec<&str> = LABELS.iter().map(|l| word(*l)).collect();
    let mut text = format!(
        "\n## Confusion, unseen families (rows: label; columns: said)\n\n| | {} |\n|---|{}\n",
        heads.join(" | "),
        "---|".repeat(LABELS.len())
    );
    for label in LABELS {
        let of = |said: Label| {
            let hits = judged.iter().filter(|j| j.label == label && j.said == said);
            hits.count().to_string()
        };
        let cells: Vec<String> = LABELS.into_iter().map(of).collect();
        text.push_str(&format!("| {} | {} |\n", word(label), cells.join(" | ")));
    }
    text
}

fn calibration(judged: &[Judged]) -> String {
    let c = Calibration::of_existence(judged);
    let n = judged.len().max(1) as f64;
    let whole: f64 = judged.iter().filter_map(spread).sum::<f64>() / n;
    let mut text = format!(
        "\n## Stated probability of a dependency, unseen families\n\nECE {:.3}, Brier {:.3}; Brier over all eight labels {whole:.3}.\n\n| stated | pairs | real |\n|---|---|---|\n",
        c.ece, c.brier
    );
    for bin in 0..10 {
        let (low, high) = (f64::from(bin) / 10.0, f64::from(bin + 1) / 10.0);
        let inside: Vec<&Judged> = judged
            .iter()
            .filter(|j| {
                let p = j.probabilities.map_or(0.0, |p| 1.0 - p[NONE]);
                (p >= low || bin == 0) && (p < high || bin == 9)
            })
            .collect();
        let real = inside.iter().filter(|j| j.label.is_some()).count();
        let share = real as f64 / inside.len().max(1) as f64;
        text.push_str(&format!(
            "| {low:.1}–{high:.1} | {} | {share:.2} |\n",
            inside.len()
        ));
    }
    text
}

/// Squared distance of all eight probabilities from the truth.
fn spread(judged: &Judged) -> Option<f64> {
    let p = judged.probabilities?;
    let truth = |i: usize| f64::from(u8::from(i == place(judged.label)));
    Some((0..8).map(|i| (p[i] - truth(i)).powi(2)).sum())
}
