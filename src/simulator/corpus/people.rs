//! Who writes to whom: the accounts, groups and conversations of the made-up app.

use crate::simulator::dice::Dice;

const USERS: usize = 300;
const GROUPS: usize = 40;
const CONVERSATIONS: usize = 600;

/// The default admin account, on whose behalf the REST API sends (*documented*, www.tencentcloud.com/document/product/1047/33517).
pub(super) const ADMINISTRATOR: &str = "administrator";

const FAMILY_NAMES: [&str; 12] =
    ["wang", "li", "zhang", "liu", "chen", "yang", "zhao", "huang", "zhou", "wu", "xu", "sun"];
const GIVEN_NAMES: [&str; 12] =
    ["wei", "fang", "na", "xiuying", "min", "jing", "lei", "qiang", "jun", "yan", "chao", "ting"];
const CHINESE_NAMES: [&str; 6] = ["小明", "客服小王", "张老师", "李医生", "阿强", "店长"];

/// Letters and digits of the vendor's generated group ids.
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Custom group ids: any printable ASCII up to 48 bytes that does not begin with `@TGS#` (*documented*,
/// cloud.tencent.com/document/product/269/9346). Spaces, slashes and pipes are allowed and so they occur.
const CUSTOM_GROUPS: [&str; 6] = [
    "sales-east",
    "class 3/2026",
    "night shift | gate 4",
    "order#90211",
    "0f3e11aa92a0069353d1c2e8b7a4f605",
    "Support_VIP",
];

/// Accounts, groups and pairs of one app, busiest first.
#[derive(Clone, Debug)]
pub(super) struct People {
    users: Vec<String>,
    groups: Vec<String>,
    conversations: Vec<(usize, usize)>,
    user_activity: Zipf,
    conversation_activity: Zipf,
}

impl People {
    /// The people of the app under this seed.
    pub(super) fn new(seed: u64, sdkappid: u64) -> People {
        let mut dice = Dice::keyed(&[seed, sdkappid, u64::from_be_bytes(*b"people  ")]);
        let user_activity = Zipf::new(USERS);
        People {
            users: (0..USERS).map(|index| user(index, &mut dice)).collect(),
            groups: (0..GROUPS).map(|index| group(index, &mut dice)).collect(),
            conversations: (0..CONVERSATIONS).map(|_| pair(&user_activity, &mut dice)).collect(),
            user_activity,
            conversation_activity: Zipf::new(CONVERSATIONS),
        }
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The id of a group.
    pub(super) fn group(&self, index: usize) -> &str {
        &self.groups[index]
    }

    /// The account at this place.
    pub(super) fn user(&self, index: usize) -> &str {
        &self.users[index]
    }

    /// A conversation, the lively ones more often.
    pub(super) fn conversation(&self, dice: &mut Dice) -> usize {
        self.conversation_activity.pick(dice)
    }

    /// Sender and receiver of a message of the conversation, as places among the users.
    pub(super) fn speakers(&self, conversation: usize, dice: &mut Dice) -> (usize, usize) {
        let (one, other) = self.conversations[conversation];
        if dice.one_in(2) { (one, other) } else { (other, one) }
    }

    /// Someone who speaks in the group; each group has its own talkative few.
    pub(super) fn member(&self, group: usize, dice: &mut Dice) -> usize {
        (self.user_activity.pick(dice) + group * 7) % self.users.len()
    }
}

/// Account ids of at most 32 bytes: mostly letters and digits as the vendor advises, sometimes numbers that it
/// assigned itself, sometimes Chinese (both *observed* in old samples). The place in the list keeps them apart.
fn user(index: usize, dice: &mut Dice) -> String {
    match dice.below(20) {
        0 => format!("{}", 144_115_197_276_518_000 + index as u64),
        1 => format!("{}{index}", dice.pick(&CHINESE_NAMES)),
        2..=5 => format!("u-{:06x}-{index}", dice.below(1 << 24)),
        6..=9 => format!("user_{index:04}"),
        _ => format!("{}{}{index}", dice.pick(&FAMILY_NAMES), dice.pick(&GIVEN_NAMES)),
    }
}

/// Group ids of all forms: generated, communities (`@TGS#_…`), topics of one (`…@TOPIC#_…`), and custom (*documented*,
/// www.tencentcloud.com/document/product/1047/49471).
fn group(index: usize, dice: &mut Dice) -> String {
    let last = CUSTOM_GROUPS.len() * 4;
    match index {
        custom if custom % 4 == 3 && custom < last => CUSTOM_GROUPS[custom / 4].to_owned(),
        community if community % 10 == 6 => format!("@TGS#_@TGS#c{}", letters(13, dice)),
        topic if topic % 20 == 8 => format!("@TGS#_@TGS#c{}@TOPIC#_@TOPIC#c{}", letters(8, dice), letters(8, dice)),
        _ => format!("@TGS#{}{}", 1 + index % 3, letters(8, dice)),
    }
}

fn letters(count: usize, dice: &mut Dice) -> String {
    (0..count).map(|_| char::from(ID_LETTERS[dice.below(32) as usize])).collect()
}

fn pair(activity: &Zipf, dice: &mut Dice) -> (usize, usize) {
    let one = activity.pick(dice);
    let apart = dice.between(1, USERS as u64) as usize;
    (one, (one + apart) % USERS)
}

/// The n-th is drawn 1/n as often as the first, in whole numbers.
#[derive(Clone, Debug)]
pub(super) struct Zipf {
    cumulative: Vec<u64>,
}

impl Zipf {
    fn new(count: usize) -> Zipf {
        let cumulative = (0..count)
            .scan(0, |sum, rank| {
                *sum += zipf_weight(rank);
                Some(*sum)
            })
            .collect();
        Zipf { cumulative }
    }

    fn pick(&self, dice: &mut Dice) -> usize {
        let drawn = dice.below(self.cumulative.last().copied().unwrap_or_default());
        self.cumulative.partition_point(|&sum| sum <= drawn)
    }
}

/// The weight of the place `rank`, from 0.
pub(super) fn zipf_weight(rank: usize) -> u64 {
    1_000_000 / (rank as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_distinct_and_within_the_vendors_lengths() {
        let people = People::new(1, 1_400_000_000);
        assert_eq!(people.users.iter().collect::<HashSet<_>>().len(), USERS);
        assert_eq!(people.groups.iter().collect::<HashSet<_>>().len(), GROUPS);
        assert!(people.users.iter().all(|user| user.len() <= 32));
        assert!(people.groups.iter().all(|group| group.len() <= 48));
    }

    #[test]
    fn every_form_of_group_id_occurs() {
        let groups = People::new(1, 1_400_000_000).groups;
        assert!(CUSTOM_GROUPS.iter().all(|custom| groups.iter().any(|group| group == custom)));
        assert!(groups.iter().any(|group| group.starts_with("@TGS#_")));
        assert!(groups.iter().any(|group| group.contains("@TOPIC#_")));
    }

    #[test]
    fn nobody_writes_to_themselves() {
        let people = People::new(1, 1_400_000_000);
        assert!(people.conversations.iter().all(|(one, other)| one != other));
    }

    #[test]
    fn the_first_is_the_busiest() {
        let (zipf, mut dice) = (Zipf::new(40), Dice::keyed(&[1]));
        let drawn: Vec<usize> = (0..10_000).map(|_| zipf.pick(&mut dice)).collect();
        let count = |rank: usize| drawn.iter().filter(|&&one| one == rank).count();
        assert!(count(0) > 2000 && count(0) > count(1) && count(1) > count(9) && count(39) > 0);
    }
}
