//! `MsgBody`: what a message consists of.
//!
//! Names of types and fields, their letter case and their units are *documented* (cloud.tencent.com/document/product/269/2720);
//! how often each occurs is *assumed*.

use super::json::JsonText;
use super::phrases::{CUSTOM_DATA, FACE_DATA, FILE_NAMES, PHRASES, PLACES};
use crate::simulator::dice::Dice;

/// Writes the `MsgBody` of one message.
pub(super) struct Body<'a> {
    /// Where to.
    pub(super) json: &'a mut JsonText,
    /// Chance of this message.
    pub(super) dice: &'a mut Dice,
    /// The app, part of media ids.
    pub(super) sdkappid: u64,
    /// The sender, part of media ids.
    pub(super) sender: &'a str,
    /// The message's time in Unix seconds; what is forwarded is older.
    pub(super) sent_at: i64,
}

impl Body<'_> {
    /// One element in nine of ten messages, two to four in the tenth.
    pub(super) fn write(mut self) {
        self.json.list_at("MsgBody");
        let relayed = self.any();
        if !relayed && self.dice.one_in(10) {
            for _ in 0..self.dice.between(1, 4) {
                self.companion();
            }
        }
        self.json.end_list();
    }

    /// The first element; true where it is a relay, which stands alone.
    fn any(&mut self) -> bool {
        let drawn = self.dice.below(1000);
        match drawn {
            0..600 => self.text(),
            600..720 => self.image(),
            720..810 => self.custom(),
            810..880 => self.face(),
            880..920 => self.file(),
            920..960 => self.sound(),
            960..980 => self.video(),
            980..995 => self.location(),
            _ => self.relay(),
        }
        drawn >= 995
    }

    /// A further element. Never custom: a message holds at most one (*documented*).
    fn companion(&mut self) {
        match self.dice.below(10) {
            0..6 => self.text(),
            6..8 => self.image(),
            8 => self.face(),
            _ => self.file(),
        }
    }

    fn text(&mut self) {
        self.open("TIMTextElem");
        let text = self.words();
        self.json.string("Text", &text);
        self.close();
    }

    fn face(&mut self) {
        self.open("TIMFaceElem");
        self.json.number("Index", self.dice.below(120));
        self.json.string("Data", self.dice.pick(&FACE_DATA));
        self.close();
    }

    /// All four fields are optional in practice.
    fn custom(&mut self) {
        self.open("TIMCustomElem");
        self.json.string("Data", self.dice.pick(&CUSTOM_DATA));
        if !self.dice.one_in(5) {
            self.json.string("Desc", self.dice.pick(&["", "订单", "notification"]));
            self.json.string("Ext", self.dice.pick(&["", "{\"v\":2}", "https://shop.example/order"]));
            self.json.string("Sound", self.dice.pick(&["", "dingdong.aiff"]));
        }
        self.close();
    }

    fn location(&mut self) {
        let (name, latitude, longitude) = PLACES[self.dice.below(PLACES.len() as u64) as usize];
        self.open("TIMLocationElem");
        self.json.string("Desc", name);
        self.json.number("Latitude", latitude);
        self.json.number("Longitude", longitude);
        self.close();
    }

    /// Original, large and thumbnail are types 1, 2 and 3 in no fixed order; the sizes of the latter two may be 0
    /// (*documented* by example).
    fn image(&mut self) {
        let uuid = self.uuid();
        self.open("TIMImageElem");
        self.json.string("UUID", &uuid);
        self.json.number("ImageFormat", [1, 2, 3, 4, 255][self.dice.below(5) as usize]);
        self.json.list_at("ImageInfoArray");
        let order = if self.dice.one_in(4) { [3, 2, 1] } else { [1, 2, 3] };
        for kind in order {
            self.image_info(kind, &uuid);
        }
        self.json.end_list();
        self.close();
    }

    fn image_info(&mut self, kind: u64, uuid: &str) {
        let sized = kind == 1 || self.dice.one_in(3);
        self.json.open();
        self.json.number("Type", kind);
        self.json.number("Size", self.dice.between(2_000, 4_000_000) / kind);
        self.json.number("Width", if sized { self.dice.between(198, 4032) / kind } else { 0 });
        self.json.number("Height", if sized { self.dice.between(198, 4032) / kind } else { 0 });
        let variant = ["0", "720", "198"][kind as usize - 1];
        self.json.string("URL", &self.url(&format!("{uuid}/{variant}")));
        self.json.close();
    }

    /// Senders on SDK 2.x and 3.x leave no `Url` and no flag (*documented*); some people never update.
    fn sound(&mut self) {
        let (uuid, old) = (self.uuid(), self.dice.one_in(8));
        self.open("TIMSoundElem");
        if !old {
            self.json.string("Url", &self.url(&uuid));
        }
        self.json.string("UUID", &uuid);
        self.json.number("Size", self.dice.between(900, 200_000));
        self.json.number("Second", self.dice.between(1, 61));
        if !old {
            self.json.number("Download_Flag", 2);
        }
        self.close();
    }

    fn file(&mut self) {
        let (uuid, old) = (self.uuid(), self.dice.one_in(8));
        self.open("TIMFileElem");
        if !old {
            self.json.string("Url", &self.url(&uuid));
        }
        self.json.string("UUID", &uuid);
        self.json.number("FileSize", self.dice.between(1, 100 << 20));
        self.json.string("FileName", self.dice.pick(&FILE_NAMES));
        if !old {
            self.json.number("Download_Flag", 2);
        }
        self.close();
    }

    fn video(&mut self) {
        let old = self.dice.one_in(8);
        self.open("TIMVideoFileElem");
        self.clip(old);
        self.thumb(old);
        self.close();
    }

    /// `VideoSecond` is 0 from web senders (*documented*).
    fn clip(&mut self, old: bool) {
        let uuid = self.uuid();
        if !old {
            self.json.string("VideoUrl", &self.url(&uuid));
        }
        self.json.string("VideoUUID", &uuid);
        self.json.number("VideoSize", self.dice.between(50_000, 100 << 20));
        self.json.number("VideoSecond", self.dice.below(180));
        self.json.string("VideoFormat", self.dice.pick(&["mp4", "mov"]));
        if !old {
            self.json.number("VideoDownloadFlag", 2);
        }
    }

    /// `ThumbFormat` may be empty (*documented* by example).
    fn thumb(&mut self, old: bool) {
        let uuid = self.uuid();
        if !old {
            self.json.string("ThumbUrl", &self.url(&uuid));
        }
        self.json.string("ThumbUUID", &uuid);
        self.json.number("ThumbSize", self.dice.between(1_000, 90_000));
        self.json.number("ThumbWidth", 720);
        self.json.number("ThumbHeight", 1280);
        self.json.string("ThumbFormat", self.dice.pick(&["JPG", ""]));
        if !old {
            self.json.number("ThumbDownloadFlag", 2);
        }
    }

    /// Forwarded messages, inline up to 12 KB and behind a `JsonMsgKey` beyond that (*documented*).
    fn relay(&mut self) {
        let count = self.dice.between(1, 5);
        self.open("TIMRelayElem");
        self.json.string("Title", "聊天记录");
        self.json.number("MsgNum", count);
        self.json.string("CompatibleText", "请升级到最新版本查看");
        self.json.list_at("AbstractList");
        self.json.item(&format!("{}: {}", self.sender, self.dice.pick(&PHRASES)));
        self.json.end_list();
        if self.dice.one_in(3) {
            self.json.string("JsonMsgKey", &self.dice.hex32());
        } else {
            self.relayed(count);
        }
        self.close();
    }

    /// Inside a relay the time is spelled `MsgTimeStamp` (*documented*).
    fn relayed(&mut self, count: u64) {
        self.json.list_at("MsgList");
        for place in 0..count {
            self.json.open();
            self.json.string("From_Account", self.sender);
            self.json.string("GroupId", "@TGS#1RELAYED00");
            self.json.number("MsgSeq", 80 + place);
            self.json.number("MsgRandom", self.dice.below(1 << 32));
            self.json.number("MsgTimeStamp", self.sent_at - 600 + place as i64);
            self.json.list_at("MsgBody");
            self.text();
            self.json.end_list();
            self.json.close();
        }
        self.json.end_list();
    }

    fn open(&mut self, kind: &str) {
        self.json.open();
        self.json.string("MsgType", kind);
        self.json.open_at("MsgContent");
    }

    fn close(&mut self) {
        self.json.close();
        self.json.close();
    }

    fn words(&mut self) -> String {
        let mut words = self.dice.pick(&PHRASES).to_owned();
        for _ in 0..self.dice.below(3) {
            words.push_str(self.dice.pick(&["，", " ", "\n", "", "!"]));
            words.push_str(self.dice.pick(&PHRASES));
        }
        words
    }

    /// Media ids come in several forms (*documented* by examples) and mean nothing.
    fn uuid(&mut self) -> String {
        let digits = self.dice.hex32();
        match self.dice.below(4) {
            0 => format!("1853095_{}", digits.to_uppercase()),
            1 => format!("305c0201{digits}"),
            2 => format!("{}_{}_{digits}", self.sdkappid, self.sender),
            _ => digits,
        }
    }

    /// An address that leads nowhere: `.example` is reserved for that (RFC 2606).
    fn url(&self, path: &str) -> String {
        let letters: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        format!("https://media.example/{}/{}", self.sdkappid, letters.replace("%2F", "/"))
    }
}
