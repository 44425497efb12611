//! One message, one line.
//!
//! Names and letter case of the fields are *documented* (cloud.tencent.com/document/product/269/1650), save
//! `MsgFromPlatform` and `ClientIP`, which are *observed* in two public programs that read archives, and
//! `CloudCustomData`, which is *assumed* from the message model of the same vendor.

use super::Corpus;
use super::elements::Body;
use super::json::JsonText;
use super::people::ADMINISTRATOR;
use super::phrases::CLOUD_DATA;
use super::slots::Slot;
use crate::domain::{ChatType, Unit};
use crate::simulator::dice::{Dice, scramble};

/// The clients' platforms as callbacks spell them (*documented*, www.tencentcloud.com/document/product/647/64412); that
/// archives do too is *assumed*.
const PLATFORMS: [&str; 7] = ["Android", "iOS", "Android", "iOS", "Web", "Windows", "Mac"];
const RARE_PLATFORMS: [&str; 4] = ["iPad", "Unknown", "Web", "Mac"];

/// Networks that exist in documentation only (RFC 5737).
const NETWORKS: [&str; 3] = ["192.0.2", "198.51.100", "203.0.113"];

/// One message in this many was sent by the REST API.
const BY_REST_ONCE_IN: u64 = 50;

/// Writes the message of one slot.
pub(super) struct Author<'a> {
    corpus: &'a Corpus,
    unit: Unit,
    slot: Slot,
    dice: Dice,
}

impl<'a> Author<'a> {
    /// `dice` is the slot's own chance.
    pub(super) fn new(corpus: &'a Corpus, unit: Unit, slot: Slot, dice: Dice) -> Author<'a> {
        Author { corpus, unit, slot, dice }
    }

    /// Appends the message as one JSON object without a line break.
    pub(super) fn write(mut self, json: &mut JsonText) {
        json.open();
        let sender = match self.unit.chat_type {
            ChatType::C2c => self.write_c2c_key(json),
            ChatType::Group => self.write_group_key(json),
        };
        let name = sender.map_or(ADMINISTRATOR, |user| self.corpus.people.user(user));
        let (sdkappid, sent_at) = (self.corpus.sdkappid, self.sent_at());
        Body { json, dice: &mut self.dice, sdkappid, sender: name, sent_at }.write();
        self.write_origin(sender, json);
        json.close();
    }

    /// Returns the sender, `None` for the administrator. `MsgRandom` alone never repeats within the hour, so neither
    /// does a conversation's key; `MsgSeq` is the sender's own count and repeats (*documented*).
    fn write_c2c_key(&mut self, json: &mut JsonText) -> Option<usize> {
        let (from, to) = self.corpus.people.speakers(self.slot.stream, &mut self.dice);
        let sender = self.sender(from);
        json.string("From_Account", sender.map_or(ADMINISTRATOR, |user| self.corpus.people.user(user)));
        json.string("To_Account", self.corpus.people.user(to));
        json.number("MsgTimestamp", self.sent_at());
        json.number("MsgSeq", self.client_seq(from));
        json.number("MsgRandom", scramble(self.slot.number as u32 ^ self.corpus.unit_key(self.unit) as u32));
        sender
    }

    /// The sender's own count: it goes on within an hour and begins anywhere in the next. Some clients count from high
    /// up in the 32 bits, beyond what a signed number holds (*documented* by example).
    fn client_seq(&self, user: usize) -> u64 {
        let mut dice = Dice::keyed(&[self.corpus.unit_key(self.unit), user as u64]);
        let range = if dice.one_in(4) { u64::from(u32::MAX) - 3_600 } else { 60_000 };
        dice.below(range) + self.slot.sent_ms / 1000
    }

    /// Returns the sender, `None` for the administrator. No `MsgRandom` in group logs (*documented* by example).
    fn write_group_key(&mut self, json: &mut JsonText) -> Option<usize> {
        let member = self.corpus.people.member(self.slot.stream, &mut self.dice);
        let sender = self.sender(member);
        json.string("From_Account", sender.map_or(ADMINISTRATOR, |user| self.corpus.people.user(user)));
        json.string("GroupId", self.corpus.people.group(self.slot.stream));
        json.number("MsgTimestamp", self.sent_at());
        json.number("MsgSeq", self.slot.number);
        sender
    }

    fn write_origin(&mut self, sender: Option<usize>, json: &mut JsonText) {
        if self.dice.one_in(8) {
            json.string("CloudCustomData", self.dice.pick(&CLOUD_DATA));
        }
        json.string("MsgFromPlatform", self.platform(sender));
        json.string("ClientIP", &address(sender.map_or(0, |user| user + 1)));
    }

    /// Everyone has a favourite device and at times another.
    fn platform(&mut self, sender: Option<usize>) -> &'static str {
        match sender {
            None => "RESTAPI",
            Some(_) if self.dice.one_in(10) => self.dice.pick(&RARE_PLATFORMS),
            Some(user) => PLATFORMS[user % PLATFORMS.len()],
        }
    }

    fn sender(&mut self, user: usize) -> Option<usize> {
        (!self.dice.one_in(BY_REST_ONCE_IN)).then_some(user)
    }

    /// Unix seconds, inside the hour.
    fn sent_at(&self) -> i64 {
        self.unit.hour.start().timestamp() + (self.slot.sent_ms / 1000) as i64
    }
}

fn address(place: usize) -> String {
    format!("{}.{}", NETWORKS[place % NETWORKS.len()], 1 + place % 254)
}
