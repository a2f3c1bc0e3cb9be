//! The fold of evidence to log-odds, in whole units so that sums are exact in any order.

use backstay_model::Timestamp;
use backstay_model::dependency::Evidence;

use super::source::{Group, Source};
use super::{Standing, Weights};

/// A likelihood ratio of 5,000, the word of a server: independent replicates reach it and no more
/// (dependencies.md, 12.1).
pub const REPLICATES_MAX: f64 = 8.517_193_191_416_238;
/// What the places of one source together may weigh: two words of a server. A thousand mentions
/// weigh no more.
pub const SOURCE_MAX: f64 = 2.0 * REPLICATES_MAX;
/// Log-odds of one item, at most, both ways: a ratio of a million.
pub const ITEM_MAX: f64 = 13.815_510_557_964_274;
/// Share of the weaker items of a group that counts (dependencies.md, 12.1).
pub const ECHO: f64 = 0.25;

/// Units in one natural log-odd: a power of two, so that `f64` holds every sum exactly.
const UNITS: f64 = (1_u64 << 40) as f64;
/// `ECHO` is one part in this many.
const ECHO_PARTS: i64 = 4;

/// Log-odds in units of 2⁻⁴⁰. Every sum that occurs is below 2¹² and so exact as `f64` too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Exact(i64);

impl Exact {
    /// The nearest multiple of four units, so that a quarter of it is exact; ±1,024 at most.
    pub(super) fn of(log_odds: f64) -> Self {
        let log_odds = log_odds.clamp(-1024.0, 1024.0);
        Self((log_odds * UNITS / ECHO_PARTS as f64).round() as i64 * ECHO_PARTS)
    }

    pub(super) fn get(self) -> f64 {
        self.0 as f64 / UNITS
    }

    /// The share of it that counts when something stronger says the same.
    pub(super) fn echo(self) -> Self {
        Self(self.0 / ECHO_PARTS)
    }

    fn signed(self, side: Side) -> Self {
        match side {
            Side::For => self,
            Side::Against => Self(-self.0),
        }
    }
}

impl std::ops::Add for Exact {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl std::ops::Sub for Exact {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl std::iter::Sum for Exact {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self(0), |a, b| a + b)
    }
}

/// Which way an item speaks; folded apart (dependencies.md, 12.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    For,
    Against,
}

/// One item as it counts now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) source: Source,
    pub(super) side: Side,
    pub(super) place: &'a str,
    /// Distance from zero.
    pub(super) size: Exact,
    pub(super) anchor: &'a str,
    seen: Option<Timestamp>,
}

/// What one source says on one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) source: Source,
    pub(super) side: Side,
    /// First item of it and the one after its last.
    pub(super) range: (usize, usize),
    best: Exact,
    sum: Exact,
    /// What it adds to the log-odds, signed.
    pub(super) counts: Exact,
}

/// The items that count, by source, side and place: the best of each place only.
pub(super) fn items<'a>(
    evidence: impl Iterator<Item = (&'a Evidence, Standing)>,
    at: Option<Timestamp>,
    weights: &Weights,
) -> Vec<Item<'a>> {
    let mut items: Vec<Item<'a>> = evidence
        .filter_map(|(e, standing)| item(e, standing, at, weights))
        .collect();
    items.sort_unstable_by(|a, b| {
        let by_source = a.source.cmp(&b.source).then(a.side.cmp(&b.side));
        by_source
            .then_with(|| a.place.cmp(b.place))
            .then(b.size.cmp(&a.size))
            .then_with(|| a.anchor.cmp(b.anchor))
    });
    minds_changed(&mut items);
    items.dedup_by(|b, a| a.source == b.source && a.side == b.side && a.place == b.place);
    items
}

fn item<'a>(
    evidence: &'a Evidence,
    standing: Standing,
    at: Option<Timestamp>,
    weights: &Weights,
) -> Option<Item<'a>> {
    let source = Source::of(evidence);
    let (side, size) = weigh(source, evidence, standing, (at, weights))?;
    Some(Item {
        source,
        side,
        place: source.place(&evidence.anchor),
        size,
        anchor: &evidence.anchor,
        seen: evidence.observed_at,
    })
}

/// Which way and how much an item says now; `None` when it says nothing.
pub(super) fn weigh(
    source: Source,
    evidence: &Evidence,
    standing: Standing,
    (at, weights): (Option<Timestamp>, &Weights),
) -> Option<(Side, Exact)> {
    let halved = standing == Standing::Carried && source.bound_to_version();
    let share = if halved { 0.5 } else { 1.0 } * source.remaining(evidence.observed_at, at);
    let weighed = evidence.log_lr.clamp(-ITEM_MAX, ITEM_MAX) * share * weights.of(source.group());
    let size = Exact::of(weighed.abs());
    let side = if weighed > 0.0 {
        Side::For
    } else {
        Side::Against
    };
    // Not-a-number becomes no units.
    (size > Exact::default()).then_some((side, size))
}

/// Of what one person said, only the side taken last counts; at the same moment, the side against.
fn minds_changed(items: &mut Vec<Item<'_>>) {
    let said = |i: &Item<'_>| i.source == Source::Person;
    if items.iter().filter(|i| said(i)).count() < 2 {
        return;
    }
    let people: Vec<Item<'_>> = items.iter().filter(|i| said(i)).copied().collect();
    items.retain(|item| {
        let last = people.iter().filter(|p| p.place == item.place);
        let last = last.map(|p| (p.seen, p.side)).max();
        !said(item) || last.is_none_or(|(_, side)| side == item.side)
    });
}

/// What each source adds on each side: per group `max + 0.25 × rest`, both sides apart.
pub(super) fn parts(items: &[Item<'_>], weights: &Weights) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::with_capacity(items.len().min(8));
    for (index, item) in items.iter().enumerate() {
        let open = parts
            .iter_mut()
            .find(|p| p.source == item.source && p.side == item.side);
        if let Some(part) = open {
            part.range.1 = index + 1;
            part.best = part.best.max(item.size);
            part.sum = part.sum + item.size;
        } else {
            parts.push(Part {
                source: item.source,
                side: item.side,
                range: (index, index + 1),
                best: item.size,
                sum: item.size,
                counts: Exact::default(),
            });
        }
    }
    for part in &mut parts {
        (part.best, part.sum) = capped(part.source, part.best, part.sum, weights);
    }
    for index in 0..parts.len() {
        let part = parts[index];
        let strongest = strongest(&parts, part);
        let lead = if strongest == index {
            part.best
        } else {
            Exact::default()
        };
        let rest = (part.sum - lead).echo();
        parts[index].counts = (lead + rest).signed(part.side);
    }
    parts
}

/// Best item and sum of a source, as they enter the group: independent replicates are one item by
/// now, and no source weighs more than its cap.
pub(super) fn capped(source: Source, best: Exact, sum: Exact, weights: &Weights) -> (Exact, Exact) {
    let weight = weights.of(source.group());
    if source.replicates() {
        let one = sum.min(Exact::of(REPLICATES_MAX * weight).max(best));
        (one, one)
    } else {
        (best, sum.min(Exact::of(SOURCE_MAX * weight)))
    }
}

/// Index of the part with the best item among those of the same group and side, the first of equals.
fn strongest(parts: &[Part], of: Part) -> usize {
    let mut found = 0;
    let mut best = Exact(-1);
    for (index, part) in parts.iter().enumerate() {
        let rival = part.source.group() == of.source.group() && part.side == of.side;
        if rival && part.best > best {
            (found, best) = (index, part.best);
        }
    }
    found
}

/// What a group adds, both sides together.
pub(super) fn group(parts: &[Part], group: Group) -> Exact {
    let of = parts.iter().filter(|p| p.source.group() == group);
    of.map(|p| p.counts).sum()
}
