//! Training: from labelled examples to weights.

use std::collections::{BTreeMap, BTreeSet};

use crate::data::{Direction, Example, LABELS, NONE, place};
use crate::features::COUNT;
use crate::linear::{Matrix, Row, exp, fit};
use crate::model::{Model, log_odds};

/// Strength of the pull of weights to zero; chosen by out-of-fold log-loss on the examples in this tree.
const L2: f64 = 1.0;
/// The same for the direction.
const L2_DIRECTION: f64 = 1.5;
/// Parts of the cross-validation.
pub(crate) const FOLDS: usize = 10;
/// Newton steps for two numbers; it needs about six.
const CORRECTION_STEPS: usize = 25;
/// Column of the constant.
const CONSTANT: usize = COUNT;
/// Column that only our own sentences have: their labels are not as frequent as those of documentation,
/// and this takes up the difference. It is not part of the model.
const OURS: usize = COUNT + 1;
const COLUMNS: usize = COUNT + 2;

/// A model of `examples`. Their order does not matter, and one that is there twice counts once.
#[must_use]
pub fn train(examples: &[Example]) -> Model {
    let all = sorted(examples);
    let parts = parts(&all);
    let tested: Vec<(Vec<f64>, usize)> = parts.iter().flat_map(Part::scored).collect();
    let (kinds, direction) = heads(&all);
    Model::new(kinds, direction, correction(&tested))
}

/// A model of `examples` as it is, without correction: quick, for comparisons of labels only.
pub(crate) fn train_plain(examples: &[Example]) -> Model {
    let (kinds, direction) = heads(&sorted(examples));
    Model::new(kinds, direction, [1.0, 0.0])
}

/// One model per fold, trained on the other folds, with the examples it has not seen. Our own sentences
/// are always trained on and never tested.
pub(crate) fn cross_validated(examples: &[Example]) -> Vec<(Model, Vec<&Example>)> {
    let parts = parts(&sorted(examples));
    let model = |(i, part)| {
        let part: &Part<'_> = part;
        let others = parts.iter().enumerate().filter(|(j, _)| *j != i);
        let tested: Vec<(Vec<f64>, usize)> = others.flat_map(|(_, p)| p.scored()).collect();
        let model = Model::new(
            part.kinds.clone(),
            part.direction.clone(),
            correction(&tested),
        );
        (model, part.unseen.clone())
    };
    parts.iter().enumerate().map(model).collect()
}

fn sorted(examples: &[Example]) -> Vec<&Example> {
    let all: BTreeSet<&Example> = examples.iter().collect();
    all.into_iter().collect()
}

/// One fold: what was learnt from the others, and what is in it.
struct Part<'a> {
    kinds: Matrix,
    direction: Vec<f64>,
    unseen: Vec<&'a Example>,
}

impl Part<'_> {
    /// Scores of the labels, beside the true one.
    fn scored(&self) -> impl Iterator<Item = (Vec<f64>, usize)> {
        let one = |e: &&Example| (raw(&self.kinds, e), place(e.label));
        self.unseen.iter().map(one)
    }
}

fn parts<'a>(all: &[&'a Example]) -> Vec<Part<'a>> {
    let folds = folds(all);
    let pick = |fold: usize, inside: bool| -> Vec<&'a Example> {
        let fits = all
            .iter()
            .zip(&folds)
            .filter(|(_, f)| (**f == Some(fold)) == inside);
        fits.map(|(e, _)| *e).collect()
    };
    let part = |fold| {
        let (kinds, direction) = heads(&pick(fold, false));
        Part {
            kinds,
            direction,
            unseen: pick(fold, true),
        }
    };
    (0..FOLDS).map(part).collect()
}

/// The two heads.
fn heads(examples: &[&Example]) -> (Matrix, Vec<f64>) {
    let row = |e: &&Example, class: usize| Row {
        columns: columns(e),
        class,
        weight: 1.0,
    };
    let kinds: Vec<Row> = examples.iter().map(|e| row(e, place(e.label))).collect();
    let directed: Vec<Row> = examples
        .iter()
        .filter_map(|e| {
            let direction = e.direction?;
            Some(row(e, usize::from(direction == Direction::Forward)))
        })
        .collect();
    let mut kinds = fit(&kinds, LABELS.len(), COLUMNS, L2);
    // Two classes whose weights are each other's mirror: their difference is the logistic regression.
    let direction = fit(&directed, 2, COLUMNS, 2.0 * L2_DIRECTION);
    let difference = direction[1].iter().zip(&direction[0]).map(|(f, b)| f - b);
    let mut direction: Vec<f64> = difference.collect();
    for line in kinds.iter_mut().chain([&mut direction]) {
        line.truncate(COUNT + 1);
    }
    (kinds, direction)
}

fn columns(example: &Example) -> Vec<usize> {
    let mut columns: Vec<usize> = example.features.active().collect();
    columns.push(CONSTANT);
    if !example.documented() {
        columns.push(OURS);
    }
    columns
}

fn raw(kinds: &Matrix, example: &Example) -> Vec<f64> {
    let active: Vec<usize> = example.features.active().chain([CONSTANT]).collect();
    let sum = |line: &Vec<f64>| active.iter().map(|i| line[*i]).sum();
    kinds.iter().map(sum).collect()
}

/// Slope and offset of the logistic regression of "there is a dependency" on its log-odds (Platt).
fn correction(tested: &[(Vec<f64>, usize)]) -> [f64; 2] {
    let [mut slope, mut offset] = [1.0, 0.0];
    if tested.is_empty() {
        return [slope, offset];
    }
    let points: Vec<(f64, f64)> = tested
        .iter()
        .map(|(scores, label)| (log_odds(scores), f64::from(u8::from(*label != NONE))))
        .collect();
    for _ in 0..CORRECTION_STEPS {
        let [mut ga, mut gb, mut haa, mut hab, mut hbb] = [0.0, 0.0, 1e-9, 0.0, 1e-9];
        for (x, real) in &points {
            let p = 1.0 / (1.0 + exp(-(slope * x + offset)));
            let curve = p * (1.0 - p);
            ga += (real - p) * x;
            gb += real - p;
            haa += curve * x * x;
            hab += curve * x;
            hbb += curve;
        }
        let determinant = haa * hbb - hab * hab;
        slope += (ga * hbb - gb * hab) / determinant;
        offset += (gb * haa - ga * hab) / determinant;
    }
    [slope, offset]
}

/// The fold of each example; `None` for our own. Families of settings, and everything that shares a
/// sentence, stay together: otherwise like sentences would stand on both sides.
pub(crate) fn folds(examples: &[&Example]) -> Vec<Option<usize>> {
    let mut group: BTreeMap<String, String> = BTreeMap::new();
    let root = |group: &BTreeMap<String, String>, key: &str| {
        let mut key = key.to_owned();
        while let Some(parent) = group.get(&key) {
            key.clone_from(parent);
        }
        key
    };
    for example in examples.iter().filter(|e| e.documented()) {
        let family = root(&group, &example.family());
        let sentence = root(&group, &example.hash);
        if family != sentence {
            group.insert(sentence, family);
        }
    }
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for example in examples.iter().filter(|e| e.documented()) {
        *sizes.entry(root(&group, &example.hash)).or_default() += 1;
    }
    let mut largest: Vec<(&String, &usize)> = sizes.iter().collect();
    largest.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
    let mut filled = [0; FOLDS];
    let mut fold: BTreeMap<&String, usize> = BTreeMap::new();
    for (name, size) in largest {
        let emptiest = (0..FOLDS).min_by_key(|f| (filled[*f], *f)).unwrap_or(0);
        filled[emptiest] += size;
        fold.insert(name, emptiest);
    }
    let of = |e: &&Example| {
        let found = fold.get(&root(&group, &e.hash)).copied();
        found.filter(|_| e.documented())
    };
    examples.iter().map(of).collect()
}
