//! How many messages each hour holds, and how many there were before it.
//!
//! A group's `MsgSeq` counts its messages from 1 without a gap (*documented*, cloud.tencent.com/document/product/269/2738),
//! so an hour's first number is the count of all messages before it. That count is a closed form of the hour: no
//! earlier hour has to be made to know it.

use crate::domain::{ChatType, Hour};
use crate::simulator::dice::Dice;

/// Monday 2024-01-01 00:00 in Beijing, when the made-up app opened; no message is older. Young enough that no
/// `MsgSeq` outgrows 32 bits by 2028 even where hours hold a million messages.
const OPENING: i64 = 1_704_038_400;

/// Activity by hour of the Beijing day: asleep at 4, lunch at 12, and the evening from 20 to 23.
const DAY: [u64; 24] = [18, 9, 4, 2, 1, 2, 6, 16, 28, 36, 38, 42, 60, 48, 34, 34, 35, 40, 48, 58, 74, 82, 76, 46];

/// Activity by day of the week, Monday first, in tenths.
const WEEK: [u64; 7] = [9, 9, 9, 10, 11, 12, 11];

/// Nights of the week on which nobody writes between 4 and 5, Monday first.
fn silent_nights(chat_type: ChatType) -> &'static [usize] {
    match chat_type {
        ChatType::C2c => &[1, 3],
        ChatType::Group => &[0, 2, 3],
    }
}

const HOURS_A_WEEK: usize = 7 * 24;

/// One of the streams of messages that share an hour: all of C2C, or one group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// Tells it from the others.
    pub(super) id: u64,
    /// Its part of all messages, out of `shares`.
    pub(super) share: u64,
    /// The sum of all streams' shares.
    pub(super) shares: u64,
}

/// The week's rhythm of one chat type.
#[derive(Clone, Debug)]
pub(super) struct Rhythm {
    seed: u64,
    messages_per_hour: u64,
    /// Weight of the week's hours before the n-th; the last is the whole week's.
    weight_before: [u64; HOURS_A_WEEK + 1],
}

impl Rhythm {
    /// A rhythm with this many messages an hour in the mean over a week.
    pub(super) fn new(seed: u64, chat_type: ChatType, messages_per_hour: u32) -> Rhythm {
        let mut weight_before = [0; HOURS_A_WEEK + 1];
        for hour in 0..HOURS_A_WEEK {
            weight_before[hour + 1] = weight_before[hour] + weight(chat_type, hour / 24, hour % 24);
        }
        Rhythm { seed, messages_per_hour: u64::from(messages_per_hour), weight_before }
    }

    /// How many messages the stream had before the hour.
    pub(super) fn before(&self, stream: Stream, hour: Hour) -> u64 {
        hours_since_opening(hour).map_or(0, |n| self.steady(stream, n) + self.sway(stream, n))
    }

    /// How many messages the stream has in the hour.
    pub(super) fn within(&self, stream: Stream, hour: Hour) -> u64 {
        self.before(stream, hour.plus(1)) - self.before(stream, hour)
    }

    /// The count before the n-th hour if every week were the same.
    fn steady(&self, stream: Stream, n: u64) -> u64 {
        let week = self.weight_before[HOURS_A_WEEK];
        let (weeks, rest) = (n / HOURS_A_WEEK as u64, n as usize % HOURS_A_WEEK);
        let weight = u128::from(weeks * week + self.weight_before[rest]);
        let of_weight = u128::from(self.messages_per_hour) * HOURS_A_WEEK as u128 * u128::from(stream.share);
        (weight * of_weight / (u128::from(week) * u128::from(stream.shares))) as u64
    }

    /// Moves the border between two hours by chance, so that no two days are alike. Never by more than a quarter of the
    /// smaller hour: counts stay ascending, and an hour without messages stays without.
    fn sway(&self, stream: Stream, n: u64) -> u64 {
        let Some(previous) = n.checked_sub(1) else { return 0 };
        let border = self.steady(stream, n);
        let smaller = (border - self.steady(stream, previous)).min(self.steady(stream, n + 1) - border);
        Dice::keyed(&[self.seed, stream.id, n]).below(smaller / 4 + 1)
    }
}

fn weight(chat_type: ChatType, weekday: usize, hour_of_day: usize) -> u64 {
    if hour_of_day == 4 && silent_nights(chat_type).contains(&weekday) {
        return 0;
    }
    DAY[hour_of_day] * WEEK[weekday]
}

fn hours_since_opening(hour: Hour) -> Option<u64> {
    u64::try_from((hour.start().timestamp() - OPENING) / 3600).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Stream = Stream { id: 0, share: 1, shares: 1 };

    fn hour(text: &str) -> Hour {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_message_is_of_the_opening_monday() {
        let rhythm = Rhythm::new(1, ChatType::C2c, 400);
        assert_eq!(hours_since_opening(hour("2024010100")), Some(0));
        assert_eq!(rhythm.before(ALL, hour("2024010100")), 0);
        assert_eq!(rhythm.within(ALL, hour("2023123123")), 0);
        assert!(rhythm.within(ALL, hour("2024010100")) > 0);
    }

    #[test]
    fn a_week_holds_what_the_mean_promises() {
        let rhythm = Rhythm::new(1, ChatType::C2c, 400);
        let (from, to) = (hour("2026111600"), hour("2026112300"));
        let counted: u64 = from.until(to).map(|hour| rhythm.within(ALL, hour)).sum();
        assert_eq!(counted, rhythm.before(ALL, to) - rhythm.before(ALL, from));
        assert!((66_500..68_000).contains(&counted), "{counted}");
    }

    #[test]
    fn evenings_are_busy_and_four_in_the_morning_is_not() {
        let rhythm = Rhythm::new(1, ChatType::C2c, 400);
        let night = rhythm.within(ALL, hour("2026112104"));
        let (lunch, evening) = (rhythm.within(ALL, hour("2026112112")), rhythm.within(ALL, hour("2026112121")));
        assert!(night < 30 && lunch > 400 && evening > 600, "{night} {lunch} {evening}");
    }

    #[test]
    fn a_few_nights_are_silent() {
        for (chat_type, silent) in [(ChatType::C2c, 2), (ChatType::Group, 3)] {
            let rhythm = Rhythm::new(1, chat_type, 400);
            let week = hour("2026111418").until(hour("2026112118"));
            assert_eq!(week.filter(|&hour| rhythm.within(ALL, hour) == 0).count(), silent);
        }
    }

    #[test]
    fn one_day_is_not_like_the_same_day_of_another_week() {
        let rhythm = Rhythm::new(1, ChatType::C2c, 400);
        let day = |from: &str| -> Vec<u64> {
            hour(from).until(hour(from).plus(24)).map(|hour| rhythm.within(ALL, hour)).collect()
        };
        assert_ne!(day("2026111600"), day("2026112300"));
    }
}
