//! The same fold for many pairs: without lines, and without memory of its own for the usual few items.

use backstay_model::Timestamp;
use backstay_model::dependency::Evidence;

use super::fold::{Exact, Side, capped, items, parts, weigh};
use super::source::{Group, Source};
use super::{Standing, Weights};

/// Items that are folded in place; pairs with more are rare and take the long way.
const FEW: usize = 12;

/// One item that counts.
#[derive(Clone, Copy)]
struct Slim<'a> {
    source: Source,
    side: Side,
    size: Exact,
    /// Where it was, looked at only when its source says something twice.
    anchor: &'a str,
}

/// Sum of what all groups add: bit for bit that of [`parts`].
pub(super) fn sum(
    evidence: &[Evidence],
    at: Option<Timestamp>,
    standing: Standing,
    weights: &Weights,
) -> Exact {
    few(evidence, at, standing, weights).unwrap_or_else(|| {
        let items = items(evidence.iter().map(|e| (e, standing)), at, weights);
        parts(&items, weights).iter().map(|p| p.counts).sum()
    })
}

fn few(
    evidence: &[Evidence],
    at: Option<Timestamp>,
    standing: Standing,
    weights: &Weights,
) -> Option<Exact> {
    if evidence.len() > FEW {
        return None;
    }
    let mut kept = [Slim {
        source: Source::Documentation,
        side: Side::For,
        size: Exact::default(),
        anchor: "",
    }; FEW];
    let mut n = 0;
    let mut people = 0;
    for one in evidence {
        let source = Source::of(one);
        people += usize::from(source == Source::Person);
        let Some((side, size)) = weigh(source, one, standing, (at, weights)) else {
            continue;
        };
        let same = |k: &&mut Slim<'_>| {
            k.source == source
                && k.side == side
                && source.place(k.anchor) == source.place(&one.anchor)
        };
        if let Some(known) = kept[..n].iter_mut().find(same) {
            known.size = known.size.max(size);
        } else {
            kept[n] = Slim {
                source,
                side,
                size,
                anchor: &one.anchor,
            };
            n += 1;
        }
    }
    // Somebody may have changed their mind, which takes a look at all they said.
    (people < 2).then(|| folded(&kept[..n], weights))
}

/// `max + 0.25 × rest` per group and side.
fn folded(kept: &[Slim<'_>], weights: &Weights) -> Exact {
    let mut groups = [[(Exact::default(), Exact::default()); 2]; Group::EVIDENCE.len()];
    for (index, one) in kept.iter().enumerate() {
        let same = |k: &&Slim<'_>| k.source == one.source && k.side == one.side;
        // The first item of a source speaks for all of them.
        if kept[..index].iter().any(|k| same(&k)) {
            continue;
        }
        let all = kept[index..].iter().filter(same).map(|k| k.size);
        let (best, sum) = all.fold((Exact::default(), Exact::default()), |(best, sum), size| {
            (best.max(size), sum + size)
        });
        let (best, sum) = capped(one.source, best, sum, weights);
        if let Some(place) = one.source.group().index() {
            let group = &mut groups[place][usize::from(one.side == Side::Against)];
            *group = (group.0.max(best), group.1 + sum);
        }
    }
    let sides = groups.iter().map(|[speak, against]| {
        let [speak, against] = [speak, against].map(|(best, sum)| *best + (*sum - *best).echo());
        speak - against
    });
    sides.sum()
}
