//! What can happen to a KPI: sizes, and shapes over time.

use backstay_chance::Dice;

use super::climate::{Climate, Course};

/// How large what happens is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    /// So much on top.
    More(f64),
    /// That share of it gone.
    Less(f64),
}

/// Range of sizes in deviations of the noise, and of the share of the level, of a kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) deviations: (f64, f64),
    pub(super) more: (f64, f64),
    pub(super) less: (f64, f64),
}

impl Sizes {
    /// What lasts.
    pub(super) const LASTING: Self = Self {
        deviations: (8.0, 80.0),
        more: (1.2, 18.0),
        less: (0.4, 1.0),
    };
    /// What is short is larger, or nobody would call it harm.
    pub(super) const SHORT: Self = Self {
        deviations: (15.0, 120.0),
        more: (2.5, 25.0),
        less: (0.6, 1.0),
    };
    /// What nobody would call harm, but sees.
    pub(super) const SLIGHT: Self = Self {
        deviations: (4.0, 30.0),
        more: (0.2, 4.0),
        less: (0.15, 0.9),
    };

    /// One size, at a rate and a deviation of the noise there.
    pub(super) fn draw(&self, rate: f64, deviation: f64, up: f64, dice: &mut Dice) -> Size {
        let deviation = deviation.max(0.01 * rate).max(1e-9);
        let by_noise = dice.happens(0.3);
        let times = dice.log_between(self.deviations.0, self.deviations.1);
        if dice.happens(up) {
            let share = dice.log_between(self.more.0, self.more.1);
            let size = if by_noise {
                times * deviation
            } else {
                share * rate
            };
            // What cannot be told from noise is no event to label.
            return Size::More(size.max(self.deviations.0 * deviation));
        }
        let share = dice.between(self.less.0, self.less.1);
        let noise = times * deviation / rate.max(1e-9);
        let least = self.deviations.0 * deviation / rate.max(1e-9);
        let share = if by_noise { noise } else { share };
        // Down there is not always room: then it is up.
        if least > 0.9 {
            return Size::More(times * deviation);
        }
        Size::Less(share.clamp(least, 1.0))
    }
}

impl Size {
    /// Puts it on the rows from `from` on, by `share(rows since)` of its whole.
    pub(super) fn on(self, course: &mut Course, from: usize, mut share: impl FnMut(usize) -> f64) {
        for (i, rate) in course.rate.iter_mut().enumerate().skip(from) {
            let share = share(i - from);
            match self {
                Self::More(size) => *rate += size * share,
                Self::Less(size) => *rate *= (1.0 - size * share).max(0.0),
            }
        }
    }
}

/// Where and when something happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) climate: &'a Climate,
    /// Minute of the first row.
    pub(super) from: usize,
    pub(super) change: usize,
    pub(super) horizon: usize,
}

impl Scene<'_> {
    /// A size at a row.
    pub(super) fn size(&self, sizes: Sizes, course: &Course, row: usize, dice: &mut Dice) -> Size {
        let rate = course.rate[row];
        let deviation = self.climate.deviation(rate, self.from + row);
        let up = if self.climate.upside_down() {
            0.95
        } else {
            0.85
        };
        sizes.draw(rate, deviation, up, dice)
    }

    /// Lets the harm of that name happen; the row at which it begins.
    pub(super) fn harm(&self, name: &str, course: &mut Course, dice: &mut Dice) -> usize {
        let h = self.horizon;
        let onset = self.change
            + match name {
                "late" => dice.whole(5, (h / 2).min(31)),
                _ => dice.whole(0, 5),
            };
        let lasting = self.size(Sizes::LASTING, course, onset, dice);
        let short = self.size(Sizes::SHORT, course, onset, dice);
        match name {
            "shift" | "late" => {
                let ends = ends(dice);
                lasting.on(course, onset, |i| if i < ends { 1.0 } else { 0.0 });
            }
            "climb" => {
                let (over, ends) = (dice.whole(8, 50), 12 + ends(dice));
                lasting.on(course, onset, |i| {
                    if i < ends {
                        (i as f64 / over as f64).min(1.0)
                    } else {
                        0.0
                    }
                });
            }
            "smoulder" => {
                let (power, left) = (dice.between(1.5, 4.0), (h - (onset - self.change)) as f64);
                short.on(course, onset, |i| (i as f64 / left).powf(power));
            }
            "passing" => {
                let (long, fade) = (dice.whole(6, 26), dice.between(0.5, 5.0));
                short.on(course, onset, |i| {
                    if i < long {
                        1.0
                    } else {
                        (-((i - long) as f64) / fade).exp()
                    }
                });
            }
            "kick" => {
                let (fade, rest) = (dice.between(3.0, 10.0), dice.between(0.02, 0.15));
                short.on(course, onset, |i| {
                    rest + (1.0 - rest) * (-(i as f64) / fade).exp()
                });
            }
            "needles" => {
                let needles = train(h, dice.between(0.04, 0.12), dice);
                short.on(course, onset, |i| needles.get(i).copied().unwrap_or(0.0));
            }
            "pulses" => {
                let every = dice.whole(6, 21);
                let long = dice.whole(2, every / 2 + 2);
                short.on(course, onset, |i| if i % every < long { 1.0 } else { 0.0 });
            }
            _ => self.other(name, course, (onset, lasting), dice),
        }
        onset
    }

    /// Harm that is no size on the rate.
    fn other(
        &self,
        name: &str,
        course: &mut Course,
        (onset, lasting): (usize, Size),
        dice: &mut Dice,
    ) {
        let since = onset..course.rate.len();
        match name {
            "lost-share" => {
                // Lost here, or come over from where it was lost.
                let gained = self.climate.upside_down() || dice.happens(0.6);
                let share = dice.between(0.3, 0.95) * if gained { -4.0 } else { 1.0 };
                Size::Less(share).on(course, onset, |_| 1.0);
            }
            "half" => {
                let times = dice.one_of(&[-1.0, 3.0, 6.0, 12.0]);
                for i in since {
                    course.rate[i] = (course.rate[i] + times * course.second[i]).max(0.0);
                }
            }
            "wild" => {
                let times = dice.between(4.0, 12.0);
                course.rough[since].iter_mut().for_each(|r| *r *= times);
                let shaken = dice.between(0.5, 1.0);
                let mut own = dice.clone();
                lasting.on(course, onset, |_| shaken * own.normal().abs() * own.unit());
            }
            "full" => {
                let usual = course.rate[self.change.saturating_sub(30)..self.change].iter();
                let usual = usual.sum::<f64>() / 30.0;
                // Less than is wanted fits through, or much more is wanted than fits.
                let (cap, wanted) = if dice.happens(0.4) {
                    (dice.between(0.3, 0.85), 0.0)
                } else {
                    (dice.between(1.8, 5.0), 6.0)
                };
                course.cap[since].iter_mut().for_each(|c| *c = cap * usual);
                Size::More(wanted * usual).on(course, onset, |i| (i as f64 / 8.0).min(1.0));
            }
            "dead" => {
                let value =
                    dice.one_of(&[Some(0.0), Some(0.0), Some(0.0), Some(0.0), Some(0.0), None]);
                course.stuck = Some((onset, value));
            }
            // A day of another shape: what belongs to another time of day comes over half an hour.
            _ => {
                let off = dice.between(90.0, 420.0) * dice.sign();
                for i in since {
                    let minute = (self.from + i) as f64;
                    let other = self.climate.season(minute + off) / self.climate.season(minute);
                    let share = ((i - onset) as f64 / 30.0).min(1.0);
                    course.rate[i] *= 1.0 - share + share * other;
                }
                let rest = dice.between(0.2, 0.6);
                lasting.on(course, onset, |i| rest * (i as f64 / 30.0).min(1.0));
            }
        }
    }

    /// Incidents of the past that nobody labelled.
    pub(super) fn past(&self, course: &mut Course, dice: &mut Dice) {
        let days = self.change as f64 / 1_440.0;
        let often = dice.one_of(&[0.0, 0.0, 0.1, 0.25]);
        for _ in 0..dice.count(often * days) as usize {
            let row = dice.whole(0, self.change.saturating_sub(90));
            let most = self.change - 60 - row;
            let long = dice.one_of(&[1, 2, 4, 10, 30, 90]).min(most);
            let sizes = dice.one_of(&[Sizes::SLIGHT, Sizes::SLIGHT, Sizes::LASTING]);
            let fade = dice.between(0.5, 6.0);
            self.size(sizes, course, row, dice).on(course, row, |i| {
                if i < long {
                    1.0
                } else {
                    (-((i - long) as f64) / fade).exp()
                }
            });
        }
    }
}

/// Rows after which somebody put it right, if he did.
fn ends(dice: &mut Dice) -> usize {
    if dice.happens(0.8) {
        dice.whole(10, 35)
    } else {
        100_000
    }
}

/// Single rows at chance, now and then two or three in a row, each of another height.
fn train(rows: usize, often: f64, dice: &mut Dice) -> Vec<f64> {
    let mut train = vec![0.0; rows];
    for i in 0..rows {
        if dice.happens(often) {
            let (long, high) = (dice.one_of(&[1, 2, 3, 4, 6]), dice.between(0.5, 1.2));
            train.iter_mut().skip(i).take(long).for_each(|t| *t = high);
        }
    }
    train
}
